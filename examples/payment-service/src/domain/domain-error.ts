/** A rule of the business was broken. `code` is what callers see, `details` what they may know about it. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }
}
