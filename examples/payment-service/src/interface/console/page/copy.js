import { byId, make, set, setText } from './dom.js';

let timer;

/** Says something at the foot of the page, for a moment. */
export function toast(text) {
  const box = byId('toast');
  setText(box, text);
  clearTimeout(timer);
  timer = setTimeout(() => setText(box, ''), 4_000);
}

/** A button that shows a text and copies it. */
export function copyButton(what) {
  return make('button', {
    type: 'button',
    class: 'copy',
    click: ({ currentTarget }) => void copy(currentTarget, what),
  });
}

export function showCopy(button, what, text) {
  setText(button, text);
  set(button, 'aria-label', `Copy ${what} ${text}`);
  set(button, 'title', `Copy ${what}`);
}

async function copy(button, what) {
  const text = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${what} ${text}`);
  } catch {
    // Plain http gives no clipboard: mark it for the keyboard.
    getSelection().selectAllChildren(button);
    toast('Marked: press Ctrl+C to copy');
  }
}
