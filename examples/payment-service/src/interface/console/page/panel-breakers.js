import { keep, make, makeSvg, part, set, setText } from './dom.js';
import { showAge, showWait } from './clock.js';
import { showIcon } from './icons.js';

const tones = { closed: 'ok', 'half-open': 'busy', open: 'bad' };

const reasons = {
  'failure-ratio': 'too many failures',
  'slow-call-ratio': 'too many slow calls',
  'ready-to-trip': 'its own rule',
  quorum: 'the other instances agreed',
  'open-elapsed': 'trying again',
  'trials-succeeded': 'trials succeeded',
  'trial-failed': 'a trial failed',
  isolated: 'isolated by hand',
  reset: 'reset by hand',
};

/** Every breaker with its state, its window and how long it still refuses. */
export function createBreakersPanel(body) {
  const list = make('ul', { class: 'rows' });
  const empty = make('p', { class: 'muted empty' }, 'No breaker has been made yet.');
  body.append(list, empty);
  return (breakers) => {
    empty.hidden = breakers.length > 0;
    keep(list, breakers, ({ name }) => name, makeBreaker, showBreaker);
  };
}

function makeBreaker() {
  return make(
    'li',
    { class: 'breaker' },
    make('span', { 'data-part': 'icon' }),
    make(
      'div',
      { class: 'grow' },
      make(
        'p',
        { class: 'line' },
        make('strong', { 'data-part': 'name' }),
        make('span', { class: 'state', 'data-part': 'state' }),
        make(
          'span',
          { class: 'retry end', 'data-part': 'retry', hidden: true },
          'retry in ',
          make('b', { 'data-part': 'wait' }),
        ),
      ),
      makeSvg(
        'svg',
        { class: 'window', viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
        makeSvg('rect', { class: 'empty', width: 100, height: 6 }),
        makeSvg('rect', { class: 'successes', 'data-part': 'successes', height: 6 }),
        makeSvg('rect', { class: 'failures', 'data-part': 'failures', height: 6 }),
        makeSvg('rect', { class: 'ignored', 'data-part': 'ignored', height: 6 }),
      ),
      make(
        'p',
        { class: 'muted facts' },
        make('span', { 'data-part': 'counts' }),
        make(
          'span',
          { 'data-part': 'changed', hidden: true },
          make('span', { 'data-part': 'reason' }),
          make('span', { 'data-part': 'age' }),
        ),
      ),
    ),
  );
}

function showBreaker(row, { name, state, isolated, counts, stale, retryAt, changed }) {
  row.dataset.tone = tones[state] ?? 'unknown';
  row.dataset.breaker = state;
  showIcon(part(row, 'icon'), tones[state] ?? 'unknown');
  setText(part(row, 'name'), name);
  setText(part(row, 'state'), isolated ? `${state}, isolated` : state);
  part(row, 'retry').hidden = retryAt === undefined || isolated;
  showWait(part(row, 'wait'), retryAt);
  const { requests = 0, successes = 0, failures = 0, ignored = 0, slow = 0 } = counts;
  const total = Math.max(requests, 1);
  let x = 0;
  for (const [kind, count] of Object.entries({ successes, failures, ignored })) {
    set(part(row, kind), 'x', x);
    set(part(row, kind), 'width', (count / total) * 100);
    x += (count / total) * 100;
  }
  setText(
    part(row, 'counts'),
    [
      `${requests} ${requests === 1 ? 'call' : 'calls'}`,
      `${successes} ok`,
      `${failures} failed`,
      ...(ignored > 0 ? [`${ignored} ignored`] : []),
      ...(slow > 0 ? [`${slow} slow`] : []),
      ...(stale > 0 ? [`${stale} stale`] : []),
    ].join(' · '),
  );
  part(row, 'changed').hidden = changed === undefined;
  setText(part(row, 'reason'), changed && `${reasons[changed.reason] ?? changed.reason}, `);
  showAge(part(row, 'age'), changed?.at);
}
