import { byId, keep, make, part, set, setText } from './dom.js';
import { duration } from './clock.js';
import { showIcon } from './icons.js';
import { msText, rateText, shareText } from './panel-http.js';
import { toneOf } from './panel-health.js';

const headlines = {
  ok: 'Everything is well',
  warn: 'Degraded',
  bad: 'Unhealthy',
  unknown: 'Looking…',
};
const order = ['ok', 'warn', 'bad'];

/** The state of the whole in one glance, and why. */
export function showOverview(panels) {
  const reasons = reasonsOf(panels);
  let tone = panels.health?.data ? toneOf(panels.health.data.status) : 'unknown';
  for (const reason of reasons) if (order.indexOf(reason.tone) > order.indexOf(tone)) ({ tone } = reason);
  set(byId('overview'), 'data-state', tone);
  showIcon(byId('verdict-icon'), tone);
  setText(byId('headline'), headlines[tone]);
  setText(byId('reasons'), reasons.length > 0 ? sentenceOf(reasons) : calm(panels));
  const { title } = document.documentElement.dataset;
  document.title = tone === 'ok' ? `${title} console` : `${headlines[tone]} – ${title} console`;
  showTiles(panels);
}

const maxReasons = 5;

function sentenceOf(reasons) {
  const texts = reasons.slice(0, maxReasons).map(({ text }) => text);
  if (reasons.length > maxReasons) texts.push(`${reasons.length - maxReasons} more`);
  return texts.join(' · ');
}

const calm = ({ health }) =>
  health?.data ? `${health.data.checks.length} checks healthy, ready for traffic` : '';

/** The worst first; a breaker says more than the check of the same name. */
function reasonsOf(panels) {
  const { health, breakers, sagas } = panels;
  const reasons = [];
  const add = (tone, text) => reasons.push({ tone, text });
  const ailing = (health?.data?.checks ?? []).filter(({ status }) => status !== 'healthy');
  const broken = (breakers?.data ?? []).filter(({ state }) => state !== 'closed');
  const isDown = ({ status, critical }) => status === 'unhealthy' && critical;

  for (const { name } of ailing.filter(isDown)) add('bad', `${name} is unhealthy`);
  if (health?.data?.ready === false) add('warn', 'not ready for traffic');
  const stuck = sagas?.data?.stuck.length ?? 0;
  if (stuck > 0) add('warn', `${stuck} ${stuck === 1 ? 'saga is' : 'sagas are'} stuck`);
  for (const [name, { error }] of Object.entries(panels)) {
    if (error !== undefined) add('warn', `${name} cannot be read`);
  }
  for (const { name, state } of broken) add('warn', `breaker ${name} is ${state}`);
  for (const check of ailing) {
    const isSaid = isDown(check) || broken.some(({ name }) => name === check.name);
    if (!isSaid) add('warn', `${check.name} is ${check.status}`);
  }
  return reasons;
}

function showTiles({ health, breakers, http, errors, sagas, outbox }) {
  const [, perSecond, errorRatio, p95] = http?.data?.points.at(-1) ?? [];
  const stuck = sagas?.data?.stuck.length;
  const open = breakers?.data?.filter(({ state }) => state !== 'closed').length;
  const known = (value, text) => (value === undefined || value === null ? '–' : text(value));
  const tiles = [
    health && {
      to: 'health',
      label: 'Readiness',
      value: health.data?.ready ? 'ready' : 'not ready',
      alarm: health.data?.ready === false,
    },
    http && { to: 'http', label: 'Requests', value: known(perSecond, rateText) },
    http && {
      to: 'http',
      label: 'Error rate',
      value: known(errorRatio, shareText),
      alarm: errorRatio >= 0.05,
    },
    http && { to: 'http', label: 'p95', value: known(p95, msText) },
    breakers && { to: 'breakers', label: 'Open breakers', value: known(open, String), alarm: open > 0 },
    sagas && { to: 'sagas', label: 'Stuck sagas', value: known(stuck, String), alarm: stuck > 0 },
    errors && { to: 'errors', label: 'Errors, 5 min', value: known(errors.data?.perMinute, lastFive) },
    outbox && {
      to: 'outbox',
      label: 'Outbox',
      value: known(outbox.data, outboxText),
      alarm: outbox.data?.oldestMs > 60_000,
    },
  ].filter(Boolean);
  keep(byId('tiles'), tiles, ({ label }) => label, makeTile, showTile);
}

const lastFive = (perMinute) => String(perMinute.slice(-5).reduce((sum, count) => sum + count, 0));

const outboxText = ({ size, oldestMs }) =>
  size > 0 && oldestMs !== undefined ? `${size}, ${duration(oldestMs)}` : String(size);

const makeTile = ({ to, label }) =>
  make(
    'li',
    {},
    make('a', { href: `#panel-${to}` }, make('span', {}, label), make('b', { 'data-part': 'value' })),
  );

function showTile(tile, { value, alarm }) {
  setText(part(tile, 'value'), value);
  set(tile, 'data-alarm', alarm === true);
}
