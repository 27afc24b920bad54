/** Facts about an error, printed under its message; keys are short English words. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Every error that a user may see. `code` is stable and machine readable, `hint` says what to do next.
 * Anything else that reaches the command line is a defect of ours and is shown as such.
 */
export class MelfError extends Error {
  readonly code: string;
  readonly facts: ErrorFacts;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: { facts?: ErrorFacts; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.facts = options.facts ?? {};
    this.hint = options.hint;
  }
}
