import { keep, make, makeSvg, part, set, setText } from './dom.js';
import { showAge, timeOfDay } from './clock.js';
import { copyButton, showCopy } from './copy.js';

/** Codes with their last occurrences, and how many there were in each of the last 60 minutes. */
export function createErrorsPanel(body) {
  const bars = makeSvg('svg', {
    class: 'bars',
    viewBox: '0 0 300 32',
    preserveAspectRatio: 'none',
    role: 'img',
  });
  const list = make('ul', { class: 'rows codes' });
  const empty = make('p', { class: 'muted empty' }, 'No error since the service started.');
  const more = make('p', { class: 'muted', hidden: true });
  body.append(
    bars,
    make('p', { class: 'axis' }, make('span', {}, '60 min ago'), make('span', {}, 'now')),
    list,
    more,
    empty,
  );
  return ({ codes, perMinute, total, moreCodes }) => {
    empty.hidden = codes.length > 0;
    showBars(bars, perMinute);
    keep(list, codes, ({ code }) => code, makeCode, showCode);
    more.hidden = moreCodes === 0;
    setText(more, `${moreCodes} more codes; ${total} errors in all.`);
  };
}

function showBars(bars, perMinute) {
  const top = Math.max(1, ...perMinute);
  const step = 300 / perMinute.length;
  keep(
    bars,
    perMinute.map((count, index) => ({ count, index })),
    ({ index }) => String(index),
    () => makeSvg('rect', {}),
    (bar, { count, index }) => {
      const high = count === 0 ? 1 : 2 + (count / top) * 30;
      set(bar, 'class', count === 0 ? 'none' : 'some');
      set(bar, 'x', (index * step + 0.5).toFixed(2));
      set(bar, 'width', (step - 1).toFixed(2));
      set(bar, 'y', (32 - high).toFixed(2));
      set(bar, 'height', high.toFixed(2));
    },
  );
  const sum = perMinute.reduce((all, count) => all + count, 0);
  set(
    bars,
    'aria-label',
    `${sum} errors in the last hour, at most ${Math.max(0, ...perMinute)} in one minute`,
  );
}

function makeCode() {
  return make(
    'li',
    {},
    make(
      'details',
      {},
      make(
        'summary',
        {},
        make('code', { 'data-part': 'code' }),
        make('span', { class: 'count', 'data-part': 'count' }),
        make('span', { class: 'muted end', 'data-part': 'age' }),
      ),
      make('ul', { class: 'occurrences', 'data-part': 'last' }),
    ),
  );
}

function showCode(row, { code, count, lastSeen, last }) {
  setText(part(row, 'code'), code);
  setText(part(row, 'count'), `${count}×`);
  showAge(part(row, 'age'), lastSeen && Date.parse(lastSeen));
  keep(
    part(row, 'last'),
    last,
    ({ timestamp, traceId }) => `${timestamp} ${traceId}`,
    makeOccurrence,
    (item, { timestamp, endpoint, message, traceId }) => {
      setText(part(item, 'time'), timeOfDay(timestamp));
      setText(part(item, 'endpoint'), endpoint);
      setText(part(item, 'message'), message);
      showCopy(part(item, 'trace'), 'trace id', traceId);
    },
  );
}

function makeOccurrence() {
  const trace = copyButton('trace id');
  trace.dataset.part = 'trace';
  return make(
    'li',
    {},
    make(
      'p',
      { class: 'line' },
      make('time', { 'data-part': 'time' }),
      make('span', { class: 'muted', 'data-part': 'endpoint' }),
      trace,
    ),
    make('p', { class: 'message', 'data-part': 'message' }),
  );
}
