import type { Instruments } from './instrument-maker.js';
import type { Observers } from './channels.js';
import { createStuckSagas } from './stuck-sagas.js';

export function observeTransactions(instruments: Instruments): Observers {
  return { ...observeTx(instruments), ...observeSagas(instruments), ...observeOutbox(instruments) };
}

function observeTx(instruments: Instruments): Observers {
  const duration = instruments.histogram('kit_tx_duration_seconds', {
    help: 'Duration of transactions in seconds, retries included.',
    labels: ['manager', 'mode', 'outcome'],
  });
  const retries = instruments.counter('kit_tx_retries_total', {
    help: 'Transactions run again, by the code of the error.',
    labels: ['manager', 'code'],
  });
  const rollbackOnly = instruments.counter('kit_tx_rollback_only_total', {
    help: 'Write transactions that were rolled back, for whatever reason; marked rollback-only or not.',
    labels: ['manager'],
  });
  return {
    'kit:tx:settled': ({ name, mode, outcome, durationMs }) => {
      duration.child(name, mode, outcome).observe(durationMs / 1_000);
      // The 0 of a commit makes the first rollback an increase from something.
      if (mode === 'write') rollbackOnly.child(name).inc(outcome === 'rolled-back' ? 1 : 0);
    },
    'kit:tx:retried': ({ name, code }) => retries.child(name, code).inc(),
  };
}

function observeSagas(instruments: Instruments): Observers {
  const settled = instruments.counter('kit_saga_total', {
    help: 'Sagas that ended, by outcome.',
    labels: ['name', 'outcome'],
  });
  const duration = instruments.histogram('kit_saga_duration_seconds', {
    help: 'Duration of sagas in seconds.',
    labels: ['name', 'outcome'],
  });
  const steps = instruments.histogram('kit_saga_step_duration_seconds', {
    help: 'Duration of saga steps in seconds, forward (do) and back (undo).',
    labels: ['name', 'step', 'phase', 'outcome'],
  });
  const stuckGauge = instruments.gauge('kit_saga_stuck', {
    help: 'Sagas that can go neither forward nor back and wait for an operator.',
    labels: ['name'],
    aggregate: 'max',
  });
  const stuck = createStuckSagas((name, count) => stuckGauge.child(name).set(count));
  return {
    'kit:tx:saga-step': ({ name, step, phase, outcome, durationMs }) =>
      steps.child(name, step, phase, outcome).observe(durationMs / 1_000),
    'kit:tx:saga-settled': ({ name, outcome, durationMs, id }) => {
      settled.child(name, outcome).inc();
      duration.child(name, outcome).observe(durationMs / 1_000);
      stuck.settled(name, outcome, id);
    },
    'kit:tx:saga-stuck': ({ name, id }) => stuck.add(name, id),
  };
}

function observeOutbox(instruments: Instruments): Observers {
  const published = instruments.counter('kit_outbox_published_total', {
    help: 'Messages handed to the broker, by topic.',
    labels: ['name', 'topic'],
  });
  const duration = instruments.histogram('kit_outbox_publish_duration_seconds', {
    help: 'Duration of publishing a batch, in seconds.',
    labels: ['name'],
  });
  // Every process of a service sees the same table.
  const backlog = instruments.gauge('kit_outbox_backlog', {
    help: 'Messages in the outbox that are not published yet.',
    labels: ['name'],
    aggregate: 'max',
  });
  const oldest = instruments.gauge('kit_outbox_oldest_seconds', {
    help: 'Age of the oldest message that is not published yet, in seconds.',
    labels: ['name'],
    aggregate: 'max',
  });
  return {
    'kit:tx:outbox-published': ({ name, topic, count, durationMs }) => {
      published.child(name, topic).inc(count);
      duration.child(name).observe(durationMs / 1_000);
    },
    'kit:tx:outbox-backlog': ({ name, size, oldestMs }) => {
      backlog.child(name).set(size);
      oldest.child(name).set(oldestMs / 1_000);
    },
  };
}
