import { setServerTime, tick, timeOfDay } from './clock.js';
import { byId, make, set, setText } from './dom.js';
import { showOverview } from './overview.js';
import { createBreakersPanel } from './panel-breakers.js';
import { createErrorsPanel } from './panel-errors.js';
import { createHealthPanel } from './panel-health.js';
import { createHttpPanel } from './panel-http.js';
import { createOutboxPanel } from './panel-outbox.js';
import { createSagasPanel } from './panel-sagas.js';
import { createResolveDialog } from './resolve.js';
import { follow } from './stream.js';

const makers = {
  http: createHttpPanel,
  health: createHealthPanel,
  breakers: createBreakersPanel,
  sagas: (body) => createSagasPanel(body, createResolveDialog()),
  errors: createErrorsPanel,
  outbox: createOutboxPanel,
};

/** What is known of each panel: its last data, and what went wrong since. */
const panels = {};
const shows = {};

function addPanel(name) {
  if (shows[name] || !makers[name]) return;
  const section = byId(`panel-${name}`);
  section.hidden = false;
  panels[name] = {};
  const failure = make('p', { class: 'failure', role: 'status' });
  section.querySelector('.body').before(failure);
  const show = makers[name](section.querySelector('.body'));
  shows[name] = ({ data, error }) => {
    panels[name] = { data: data ?? panels[name].data, error };
    setText(failure, error && `This cannot be read: ${error}`);
    set(section, 'data-failed', error !== undefined);
    if (data !== undefined) show(data);
  };
}

function onEvent(event, value) {
  if (event === 'hello') value.panels.forEach(addPanel);
  if (value.now !== undefined) setServerTime(value.now);
  shows[event]?.(value);
  showOverview(panels);
}

let awaySince;

function onState(state) {
  if (state === 'live') awaySince = undefined;
  else awaySince ??= Date.now();
  const texts = {
    live: 'live',
    away: `reconnecting, stale since ${timeOfDay(awaySince)}`,
    ended: `ended, stale since ${timeOfDay(awaySince)}`,
  };
  set(byId('connection'), 'data-state', state);
  setText(byId('connection-text'), texts[state]);
  set(document.body, 'data-stale', state !== 'live');
  byId('ended').hidden = state !== 'ended';
}

setInterval(tick, 500);
void follow(`${document.documentElement.dataset.base}/events`, { onEvent, onState });
