import { z, type ZodType } from 'zod';
import type { errors } from '../errors.ts';
import {
  login,
  newUser,
  pageQuery,
  phoneAnswer,
  phoneQuestion,
  registration,
  tokenAnswer,
  userAnswer,
  userChanges,
  userPageAnswer,
} from '../schemas.ts';

export type Code = keyof typeof errors;

export interface DocumentedRoute {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  summary: string;
  status: number;
  body?: ZodType;
  query?: ZodType;
  answer?: ZodType;
  /** @default 'application/json' */
  answerType?: string;
  secured?: boolean;
  /** Codes beside those that every route, every body and every token may give. */
  errors: Code[];
}

const health = z.looseObject({ status: z.string() }).meta({ description: 'checks with their results' });

/** Every route of the service; a test compares this list with the router. */
export const routes: DocumentedRoute[] = [
  {
    method: 'post',
    path: '/auth/register',
    summary: 'Create an account',
    status: 201,
    body: registration,
    answer: userAnswer,
    errors: ['RES_EMAIL_TAKEN', 'SYS_RATE_LIMITED', 'SYS_UNAVAILABLE'],
  },
  {
    method: 'post',
    path: '/auth/login',
    summary: 'Get an access token',
    status: 200,
    body: login,
    answer: tokenAnswer,
    errors: ['AUTH_INVALID_CREDENTIALS', 'SYS_RATE_LIMITED', 'SYS_UNAVAILABLE'],
  },
  {
    method: 'get',
    path: '/auth/me',
    summary: 'The user of the token',
    status: 200,
    answer: userAnswer,
    secured: true,
    errors: ['RES_USER_NOT_FOUND'],
  },
  {
    method: 'get',
    path: '/.well-known/jwks.json',
    summary: 'The public keys that verify access tokens',
    status: 200,
    errors: [],
  },
  {
    method: 'post',
    path: '/users',
    summary: 'Create a user (administrators)',
    status: 201,
    body: newUser,
    answer: userAnswer,
    secured: true,
    errors: ['VAL_INVALID_INPUT', 'AUTH_FORBIDDEN', 'RES_EMAIL_TAKEN'],
  },
  {
    method: 'get',
    path: '/users',
    summary: 'Users in the order of their creation (administrators)',
    status: 200,
    query: pageQuery,
    answer: userPageAnswer,
    secured: true,
    errors: ['VAL_INVALID_INPUT', 'AUTH_FORBIDDEN'],
  },
  {
    method: 'get',
    path: '/users/{id}',
    summary: 'One user',
    status: 200,
    answer: userAnswer,
    secured: true,
    errors: ['VAL_INVALID_INPUT', 'AUTH_FORBIDDEN', 'RES_USER_NOT_FOUND'],
  },
  {
    method: 'patch',
    path: '/users/{id}',
    summary: 'Change a user',
    status: 200,
    body: userChanges,
    answer: userAnswer,
    secured: true,
    errors: ['VAL_INVALID_INPUT', 'AUTH_FORBIDDEN', 'RES_USER_NOT_FOUND'],
  },
  {
    method: 'delete',
    path: '/users/{id}',
    summary: 'Delete a user',
    status: 204,
    secured: true,
    errors: ['VAL_INVALID_INPUT', 'AUTH_FORBIDDEN', 'RES_USER_NOT_FOUND'],
  },
  {
    method: 'post',
    path: '/phone/validate',
    summary: 'Is this a phone number, and which',
    status: 200,
    body: phoneQuestion,
    answer: phoneAnswer,
    errors: ['VAL_INVALID_INPUT'],
  },
  {
    method: 'get',
    path: '/health',
    summary: 'Every check, for people',
    status: 200,
    answer: health,
    errors: [],
  },
  {
    method: 'get',
    path: '/health/live',
    summary: 'Is the process alive',
    status: 200,
    answer: health,
    errors: [],
  },
  {
    method: 'get',
    path: '/health/ready',
    summary: 'May requests come',
    status: 200,
    answer: health,
    errors: [],
  },
  {
    method: 'get',
    path: '/health/startup',
    summary: 'Has it started',
    status: 200,
    answer: health,
    errors: [],
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'For Prometheus',
    status: 200,
    answer: z.string(),
    answerType: 'text/plain',
    errors: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    status: 200,
    answer: z.looseObject({}),
    errors: [],
  },
];
