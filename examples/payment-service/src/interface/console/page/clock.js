// Ages and countdowns: elements say when, this says how long that is, once a second, by the service's clock.
let ahead = 0;

/** @param {number} serverNow What the service's clock says now, milliseconds since 1970. */
export function setServerTime(serverNow) {
  ahead = serverNow - Date.now();
}

const now = () => Date.now() + ahead;

/** Shows how long ago something was. */
export function showAge(element, at) {
  mark(element, 'since', at);
}

/** Shows how long something still takes. */
export function showWait(element, until) {
  mark(element, 'until', until);
}

function mark(element, kind, at) {
  if (at === undefined) delete element.dataset[kind];
  else element.dataset[kind] = String(at);
  tell(element);
}

function tell(element) {
  const { since, until } = element.dataset;
  let text = '';
  if (since !== undefined) text = ageText(now() - Number(since));
  if (until !== undefined) text = `${Math.max(0, Math.ceil((Number(until) - now()) / 1_000))} s`;
  if (element.textContent !== text) element.textContent = text;
}

const ageText = (ms) => (ms < 1_000 ? 'just now' : `${duration(ms)} ago`);

export function tick() {
  for (const element of document.querySelectorAll('[data-since], [data-until]')) tell(element);
}

/** `850 ms`, `12 s`, `4 min`, `2 h`, `3 d` */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.floor(ms / 1_000)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.floor(ms / 3_600_000)} h`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

export const timeOfDay = (at) =>
  new Date(at).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  });
