import { MelfError } from '../base/errors.ts';

/** Something that the set-up needs is missing or did not work; the hint says what the user can do. */
export class SetupError extends MelfError {}
