import { byId, setText } from './dom.js';
import { toast } from './copy.js';

const verbs = {
  retry: 'Retry the saga',
  compensated: 'Mark as compensated',
  completed: 'Mark as completed',
};
const done = { retry: 'tries again', compensated: 'is compensated', completed: 'is completed' };

/** A decision about a saga: asked for in a dialog, which is also where it is confirmed. */
export function createResolveDialog() {
  const { base, csrf } = document.documentElement.dataset;
  const dialog = byId('resolve');
  const form = dialog.querySelector('form');
  const confirm = byId('resolve-confirm');
  const failure = byId('resolve-failure');
  let saga;

  const chosen = () => new FormData(form).get('as');
  form.addEventListener('change', () => setText(confirm, verbs[chosen()]));
  byId('resolve-cancel').addEventListener('click', () => dialog.close());
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void carryOut();
  });

  async function carryOut() {
    const as = chosen();
    const note = byId('resolve-note').value.trim();
    confirm.disabled = true;
    setText(failure, '');
    try {
      const response = await fetch(`${base}/sagas/${encodeURIComponent(saga.id)}/resolve`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-csrf-token': csrf },
        body: JSON.stringify({ as, ...(note && { note }) }),
      });
      if (!response.ok) throw new Error(await reasonOf(response));
      dialog.close();
      toast(`${saga.name} ${done[as]}`);
    } catch (error) {
      setText(failure, error instanceof TypeError ? 'The service cannot be reached.' : error.message);
    } finally {
      confirm.disabled = false;
    }
  }

  return (given, opener) => {
    saga = given;
    form.reset();
    setText(confirm, verbs.retry);
    setText(failure, '');
    setText(byId('resolve-name'), saga.name);
    setText(byId('resolve-id'), saga.id);
    dialog.showModal();
    // The button may be gone with its saga when the dialog closes.
    dialog.addEventListener('close', () => (opener.isConnected ? opener : byId('content')).focus(), {
      once: true,
    });
  };
}

async function reasonOf(response) {
  if (response.status === 401) return 'Your session has ended. Log in again.';
  const { error } = await response.json().catch(() => ({}));
  return error ?? `The service answered ${response.status}.`;
}
