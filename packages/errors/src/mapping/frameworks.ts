import type { AppError, FieldError } from '../app-error.js';
import { type AnyCatalogue } from '../catalogue.js';
import { commonErrors } from '../common-errors.js';
import { isInternalText } from '../public-message.js';
import { messageOf, read, readArray, readString } from '../read.js';
import { fieldError, fieldErrorsOf, parsePath } from './field-path.js';
import { exposedMessageOf, isNestException, nearestCode, retryAfterMsOf, statusOf } from './http-status.js';
import { type ErrorMapper, standIn, standInFor } from './stand-in.js';

/** body-parser's errors by their `type`. Their messages quote the body, so each gets a sentence of ours. */
export const mapBodyParserError: ErrorMapper = (error) => {
  const message = bodySentences[readString(error, 'type') ?? ''];
  const status = statusOf(error);
  if (message === undefined || status === undefined) return undefined;
  return standIn(nearestCode(status), error, { status, message });
};

const bodySentences: Record<string, string> = {
  'charset.unsupported': 'The charset of the body is not supported',
  'encoding.unsupported': 'The content encoding of the body is not supported',
  'entity.parse.failed': 'The body is not valid for its content type',
  'entity.too.large': 'The body is too large',
  'entity.verify.failed': 'The body could not be verified',
  'parameters.too.many': 'The body has too many parameters',
  'querystring.parse.rangeError': 'The body is nested too deeply',
  'request.aborted': 'The request was aborted',
  'request.size.invalid': 'The size of the body differs from its content length',
};

/** Fastify's own errors: validation with a field error each, the others by status. */
export const mapFastifyError: ErrorMapper = (error) => {
  const validation = readArray(error, 'validation');
  const status = statusOf(error);
  if (validation && validation.length > 0) {
    return standIn('VAL_INVALID_INPUT', error, { status, ...fieldErrorsOf(validation.map(fromAjv)) });
  }
  const code = readString(error, 'code') ?? '';
  if (!code.startsWith('FST_ERR_')) return undefined;
  if (status === undefined) return standIn('SYS_INTERNAL_ERROR', error);
  return standIn(nearestCode(status), error, { status, message: fastifySentences[code] });
};

const fastifySentences: Record<string, string> = {
  FST_ERR_BAD_URL: 'The URL is malformed',
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is too large',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty although its content type is JSON',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The size of the body differs from its content length',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not valid for its content type',
};

/** https://ajv.js.org/api.html#error-objects */
function fromAjv(issue: unknown): FieldError {
  const path = parsePath(readString(issue, 'instancePath') ?? '');
  const params = read(issue, 'params');
  const keyword = readString(issue, 'keyword') ?? 'invalid';
  const missing = readString(params, 'missingProperty');
  if (missing !== undefined) return fieldError([...path, missing], 'VAL_REQUIRED_FIELD', 'is required');
  const extra = readString(params, 'additionalProperty');
  if (extra !== undefined) return fieldError([...path, extra], keyword, 'is not a known field');
  return fieldError(path, keyword, readString(issue, 'message') ?? 'is invalid');
}

/**
 * Nest's HttpException. A message that is a list came from a ValidationPipe; an `errorCode` of the catalogue becomes the
 * code, with the exception's status.
 */
export function mapNestException(
  error: unknown,
  catalogue: AnyCatalogue = commonErrors,
): AppError | undefined {
  if (!isNestException(error)) return undefined;
  const status = statusOf(error) ?? 500;
  const response = callResponse(error);
  const known = knownCode(catalogue, readString(response, 'errorCode') ?? readString(error, 'errorCode'));
  const messages = readArray(response, 'message');
  const retryAfterMs = retryAfterMsOf(error);

  if (messages && messages.length > 0 && status < 500) {
    const fields = fieldErrorsOf(messages.map((message) => fromSentence(messageOf(message))));
    const definition = known ?? commonErrors.VAL_INVALID_INPUT.definition;
    return standInFor(definition, error, { status, retryAfterMs, ...fields });
  }
  const definition = known ?? commonErrors[nearestCode(status)].definition;
  const text = typeof response === 'string' ? response : readString(response, 'message');
  return standInFor(definition, error, {
    status,
    retryAfterMs,
    message: status < 500 ? nestMessage(text) : undefined,
  });
}

function knownCode(catalogue: AnyCatalogue, code: string | undefined) {
  return code === undefined ? undefined : catalogue[code]?.definition;
}

/** Nest's 404 quotes the whole URL, with its query; its 400 for a broken body quotes the body. */
function nestMessage(text: string | undefined): string | undefined {
  if (text === undefined || /^Cannot [A-Z]+ \S/.test(text)) return undefined;
  return /JSON/.test(text) && isInternalText(text) ? bodySentences['entity.parse.failed'] : text;
}

/** class-validator writes `items.1.amount must be a number` and `items.1.property extra should not exist`. */
function fromSentence(sentence: string): FieldError {
  const extra = /^(?:(\S+)\.)?property (\S+) should not exist$/.exec(sentence);
  if (extra) {
    const path = [...parsePath(extra[1] ?? ''), extra[2]!];
    return fieldError(path, 'whitelistValidation', 'is not a known field');
  }
  const subject = /^([A-Za-z_$][\w$-]*(?:[.[][\w$\]-]+)*) (.+)$/.exec(sentence);
  if (!subject) return fieldError([], 'invalid', sentence);
  const missing = /should not be (?:empty|null or undefined)$/.test(sentence);
  return fieldError(parsePath(subject[1]!), missing ? 'VAL_REQUIRED_FIELD' : 'invalid', subject[2]!);
}

/** Boom, http-errors, and whatever else carries an error status. */
export const mapHttpError: ErrorMapper = (error) => {
  const status = statusOf(error);
  if (status === undefined) return undefined;
  return standIn(nearestCode(status), error, {
    status,
    message: exposedMessageOf(error, status),
    retryAfterMs: retryAfterMsOf(error),
  });
};

function callResponse(error: unknown): unknown {
  try {
    return (error as { getResponse(): unknown }).getResponse();
  } catch {
    return undefined;
  }
}
