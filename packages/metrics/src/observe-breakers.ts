import type { Instruments } from './instrument-maker.js';
import type { Observers } from './channels.js';

const STATES: Readonly<Record<string, number>> = { closed: 0, 'half-open': 1, open: 2, isolated: 2 };

export function observeBreakers(instruments: Instruments): Observers {
  const state = instruments.gauge('kit_breaker_state', {
    help: 'State of a breaker: 0 closed, 1 half-open, 2 open.',
    labels: ['name'],
    aggregate: 'max',
  });
  const calls = instruments.counter('kit_breaker_calls_total', {
    help: 'Calls a breaker let through, by outcome.',
    labels: ['name', 'outcome'],
  });
  const duration = instruments.histogram('kit_breaker_call_duration_seconds', {
    help: 'Duration of the calls a breaker let through, in seconds.',
    labels: ['name', 'outcome'],
  });
  const rejections = instruments.counter('kit_breaker_rejections_total', {
    help: 'Calls a breaker refused, by reason.',
    labels: ['name', 'reason'],
  });
  const retries = instruments.counter('kit_breaker_retries_total', {
    help: 'Attempts after the first.',
    labels: ['name'],
  });
  const stale = instruments.counter('kit_breaker_stale_total', {
    help: 'Results dropped because the breaker had changed state since the call began.',
    labels: ['name'],
  });

  const setState = (name: string, value: string | undefined) => {
    const level = value === undefined ? undefined : STATES[value];
    if (level !== undefined) state.child(name).set(level);
  };

  return {
    'kit:breaker:state-changed': ({ name, to }) => setState(name, to),
    'kit:breaker:call': ({ name, outcome, durationMs }) => {
      calls.child(name, outcome).inc();
      duration.child(name, outcome).observe(durationMs / 1_000);
    },
    'kit:breaker:rejected': ({ name, reason }) => rejections.child(name, reason).inc(),
    'kit:breaker:retried': ({ name }) => retries.child(name).inc(),
    'kit:breaker:stale': ({ name }) => stale.child(name).inc(),
  };
}
