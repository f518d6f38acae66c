import type { Alert } from './alerts.js';

interface Window {
  name: string;
  factor: number;
  long: string;
  short: string;
  for: string;
  severity: Alert['severity'];
  meaning: string;
}

/** Google SRE workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts". */
const windows: readonly Window[] = [
  {
    name: 'ErrorBudgetBurnFast',
    factor: 14.4,
    long: '1h',
    short: '5m',
    for: '2m',
    severity: 'critical',
    meaning: 'At this rate the budget of thirty days is gone in two days; 2 % of it went in the last hour.',
  },
  {
    name: 'ErrorBudgetBurnSlow',
    factor: 6,
    long: '6h',
    short: '30m',
    for: '15m',
    severity: 'critical',
    meaning:
      'At this rate the budget of thirty days is gone in five days; 5 % of it went in the last six hours.',
  },
  {
    name: 'ErrorBudgetBurnSteady',
    factor: 1,
    long: '3d',
    short: '6h',
    for: '1h',
    severity: 'warning',
    meaning: 'At this rate nothing of the budget of thirty days will be left.',
  },
];

/** Every window the burn rates look at; each has a recording rule. */
export const burnRateWindows = ['5m', '30m', '1h', '6h', '3d'] as const;

/** Alerts for an objective such as 0.999: the long window shows it matters, the short one that it goes on. */
export function burnRateAlerts(slo: number): Alert[] {
  return windows.map((window) => {
    // Written out, since 1 - 0.999 is 0.0010000000000000009.
    const limit = Number((window.factor * (1 - slo)).toPrecision(6));
    return {
      name: window.name,
      group: 'kit-slo',
      value: `job:http_request_errors:ratio_rate${window.long}`,
      threshold: `> ${limit} and job:http_request_errors:ratio_rate${window.short} > ${limit}`,
      for: window.for,
      severity: window.severity,
      summary: `{{ $labels.job }}: errors burn the budget ${window.factor} times too fast ({{ $value | humanizePercentage }} over ${window.long})`,
      description: window.meaning,
    };
  });
}
