import { make, setText } from './dom.js';
import { duration } from './clock.js';

/** How many messages wait to be published, and how long the oldest has. */
export function createOutboxPanel(body) {
  const size = make('dd');
  const age = make('dd');
  body.append(
    make(
      'dl',
      { class: 'figures' },
      make('div', {}, make('dt', {}, 'waiting'), size),
      make('div', {}, make('dt', {}, 'oldest'), age),
    ),
  );
  return (outbox) => {
    setText(size, outbox.size);
    setText(age, ageText(outbox));
  };
}

function ageText({ size, oldestMs }) {
  if (size === 0) return '–';
  return oldestMs === undefined ? 'not known yet' : duration(oldestMs);
}
