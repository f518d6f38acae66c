import boom from '@hapi/boom';
import createError from 'http-errors';
import { defineBench } from 'kit-tooling/bench';
import { commonErrors, toProblem } from '@kit/errors';
import { renderWithoutStack } from './without-stack.js';

const where = { path: '/orders/42', method: 'GET', typeBaseUrl: 'https://docs.example/errors/' };

/** An error made and turned into its body, as each of them does it; the peers' bodies have three members, ours eleven. */
const render = {
  kit: () =>
    JSON.stringify(toProblem(commonErrors.RES_CONFLICT(undefined, { message: 'The order is paid' }), where)),
  '@hapi/boom': () => JSON.stringify(boom.conflict('The order is paid').output.payload),
  'http-errors': () => {
    const { status, name, message } = createError(409, 'The order is paid');
    return JSON.stringify({ statusCode: status, error: name, message });
  },
};

export default defineBench({
  package: 'errors',
  title: 'An error made and rendered',
  baseline: 'http-errors',
  cases: {
    kit: () => render.kit,
    '@hapi/boom': () => render['@hapi/boom'],
    'http-errors': () => render['http-errors'],
    'kit, without stack': () => renderWithoutStack(render.kit),
    '@hapi/boom, without stack': () => renderWithoutStack(render['@hapi/boom']),
    'http-errors, without stack': () => renderWithoutStack(render['http-errors']),
  },
  notes:
    "Capturing the stack dominates; kit's time includes ids, a timestamp and the check that the message tells nothing internal.",
});
