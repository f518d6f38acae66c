/** What Nest injects by: explicit tokens, so that nothing needs emitted decorator metadata. */
export const CONFIG = Symbol('config');
export const USER_REPOSITORY = Symbol('user repository');
export const KEY_RING = Symbol('key ring');
export const USER_CACHE = Symbol('USER_CACHE');
