// One file for vitest, so that the suites run one after the other: each has servers and a handful of processes of its own.
import './kill-points.suite.ts';
import './takeover.suite.ts';
import './partner-faults.suite.ts';
import './relay.suite.ts';
import './http.suite.ts';
import './random-kills.suite.ts';
