import { keep, make, part, setText } from './dom.js';
import { copyButton, showCopy } from './copy.js';
import { icon, showIcon } from './icons.js';

const groups = [
  {
    status: 'stuck',
    title: 'Stuck',
    tone: 'bad',
    hint: 'can go neither forward nor back: somebody has to decide',
  },
  { status: 'compensating', title: 'Compensating', tone: 'warn', hint: 'undoing what was done' },
  { status: 'running', title: 'In flight', tone: 'busy', hint: 'under way, or waiting for the next attempt' },
];

const stepTones = { done: 'ok', failed: 'bad', unknown: 'warn', started: 'busy' };

/** Sagas that have not ended, with their steps, and a way to decide about them. */
export function createSagasPanel(body, onResolve) {
  const empty = make('p', { class: 'muted empty' }, 'Nothing is under way, nothing waits for you.');
  const sections = new Map(
    groups.map(({ status, title, tone, hint }) => [
      status,
      make(
        'section',
        { class: 'group', 'data-tone': tone, hidden: true, 'aria-label': `${title} sagas` },
        make(
          'h3',
          {},
          icon(tone),
          make('span', {}, `${title} `),
          make('b', { 'data-part': 'number' }),
          make('small', { class: 'muted' }, hint),
        ),
        make('ul', { class: 'rows', 'data-part': 'list' }),
      ),
    ]),
  );
  body.append(...sections.values(), empty);

  return (data) => {
    empty.hidden = groups.some(({ status }) => data[status].length > 0);
    for (const { status } of groups) {
      const section = sections.get(status);
      section.hidden = data[status].length === 0;
      const number = data[status].length;
      setText(part(section, 'number'), number === data.limit ? `${number} or more` : number);
      keep(
        part(section, 'list'),
        data[status],
        ({ id }) => id,
        (saga) => makeSaga(saga, onResolve),
        showSaga,
      );
    }
  };
}

function makeSaga(saga, onResolve) {
  const id = copyButton('saga id');
  id.dataset.part = 'id';
  return make(
    'li',
    { class: 'saga' },
    make(
      'p',
      { class: 'line' },
      make('strong', { 'data-part': 'name' }),
      id,
      make(
        'button',
        {
          type: 'button',
          class: 'end',
          'data-part': 'resolve',
          click: ({ currentTarget }) => onResolve(saga, currentTarget),
        },
        'Resolve…',
      ),
    ),
    make('ol', { class: 'steps', 'data-part': 'steps' }),
    make('p', { class: 'message', 'data-part': 'error' }),
    make('details', {}, make('summary', { class: 'muted' }, 'Input'), make('pre', { 'data-part': 'input' })),
  );
}

function showSaga(row, { id, name, version, error, input, steps }) {
  row.dataset.saga = id;
  setText(part(row, 'name'), `${name} v${version}`);
  showCopy(part(row, 'id'), 'saga id', id);
  part(row, 'resolve').setAttribute('aria-label', `Resolve ${name} ${id}`);
  setText(part(row, 'error'), error && `${error.code ?? error.name}: ${error.message}`);
  setText(part(row, 'input'), input);
  keep(part(row, 'steps'), steps, ({ seq, phase }) => `${seq} ${phase}`, makeStep, showStep);
}

const makeStep = () =>
  make(
    'li',
    {},
    make('span', { 'data-part': 'icon' }),
    make('span', { 'data-part': 'name' }),
    make('small', { 'data-part': 'status' }),
  );

function showStep(item, { name, phase, status, attempts }) {
  item.dataset.tone = stepTones[status] ?? 'unknown';
  showIcon(part(item, 'icon'), stepTones[status] ?? 'unknown');
  setText(part(item, 'name'), phase === 'undo' ? `undo ${name}` : name);
  setText(part(item, 'status'), attempts > 1 ? `${status}, ${attempts} attempts` : status);
}
