import { MelfError } from '../../base/errors.ts';

/** A project's variants cannot be read. */
export class ConfigurationError extends MelfError {}
