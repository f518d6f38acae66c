import { keep, make, part, setText } from './dom.js';
import { showIcon } from './icons.js';
import { makeStrip, showStrip } from './strip.js';

export const toneOf = (status) =>
  ({ healthy: 'ok', degraded: 'warn', unhealthy: 'bad' })[status] ?? 'unknown';

/** Every check with its message, its numbers and its history. */
export function createHealthPanel(body) {
  const list = make('ul', { class: 'rows' });
  body.append(list);
  return ({ checks, slotMs }) => {
    keep(
      list,
      checks,
      ({ name }) => name,
      makeCheck,
      (row, check) => showCheck(row, check, slotMs),
    );
  };
}

function makeCheck() {
  return make(
    'li',
    { class: 'check' },
    make('span', { 'data-part': 'icon' }),
    make(
      'div',
      { class: 'grow' },
      make(
        'p',
        { class: 'line' },
        make('strong', { 'data-part': 'name' }),
        make('span', { class: 'tag', 'data-part': 'critical' }),
        make('span', { class: 'state', 'data-part': 'status' }),
      ),
      make('p', { class: 'message', 'data-part': 'message' }),
      make('p', { class: 'muted facts', 'data-part': 'facts' }),
    ),
    makeStrip(),
  );
}

function showCheck(row, { name, status, critical, message, duration, metadata, history }, slotMs) {
  row.dataset.tone = toneOf(status);
  showIcon(part(row, 'icon'), toneOf(status));
  setText(part(row, 'name'), name);
  setText(part(row, 'critical'), critical ? 'critical' : '');
  setText(part(row, 'status'), status);
  setText(part(row, 'message'), message);
  setText(part(row, 'facts'), factsOf(duration, metadata));
  showStrip(row.querySelector('.strip'), name, history, slotMs);
}

const factsOf = (duration, metadata) =>
  [
    duration.replace('ms', ' ms'),
    ...Object.entries(metadata ?? {})
      .slice(0, 8)
      .map(([key, value]) => `${key} ${typeof value === 'object' ? JSON.stringify(value) : value}`),
  ].join(' · ');
