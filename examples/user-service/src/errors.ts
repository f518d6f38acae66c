import { commonErrors, defineErrors } from '@kit/errors';
import { z } from 'zod';

/** What this service may answer beside what every service may. */
export const errors = defineErrors(
  {
    AUTH_INVALID_CREDENTIALS: {
      status: 401,
      title: 'Invalid credentials',
      message: 'the e-mail address or the password is wrong',
      grpc: 'UNAUTHENTICATED',
      retryable: false,
      expose: true,
    },
    RES_EMAIL_TAKEN: {
      status: 409,
      title: 'E-mail address taken',
      message: 'a user with this e-mail address exists',
      grpc: 'ALREADY_EXISTS',
      retryable: false,
      expose: true,
    },
    RES_USER_NOT_FOUND: {
      status: 404,
      title: 'User not found',
      message: ({ id }) => `there is no user ${id}`,
      details: z.object({ id: z.string() }),
      grpc: 'NOT_FOUND',
      retryable: false,
      expose: true,
    },
  },
  { base: commonErrors },
);
