/** What to say of a thrown value inside another message; anything can be thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : `${typeof error} thrown`;
}
