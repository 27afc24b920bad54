// What assertions cost in bytes: SQLite's code in each form, and what a slot for the larger body of each function leaves empty.

import { readFileSync } from 'node:fs';
import { inspectMelf } from '../../linker/inspection.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import type { Executables } from './executable.ts';
import { type Form, formNames } from './forms.ts';

export interface FormSize {
  readonly form: Form;
  readonly fileBytes: number;
  /** Executable segments, common code and libc included; of a MELF the default variant's. */
  readonly codeBytes: number;
  /** What the other variants of a MELF add, padding included. */
  readonly variantBytes: number;
}

export interface VariantSize {
  readonly name: string;
  /** Of its functions, without padding. */
  readonly codeBytes: number;
  /** Of the overlay window that its functions do not fill. */
  readonly paddingBytes: number;
  readonly paddingPercent: number;
  readonly identicalFunctions: number;
}

export interface CodeSize {
  readonly forms: readonly FormSize[];
  readonly windowBytes: number;
  readonly functions: number;
  readonly variants: readonly VariantSize[];
}

const PT_LOAD = 1;
const PF_X = 1;

/** Of the service, which has nearly all of SQLite. */
export function measureCode({ paths }: Executables): CodeSize {
  const forms = formNames.map((form) => {
    const bytes = readFileSync(paths.service[form]);
    const file = readMelf(bytes);
    const codeBytes = file.segments
      .filter(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0)
      .reduce((sum, { fileSize }) => sum + fileSize, 0);
    return { form, fileBytes: bytes.length, codeBytes, variantBytes: inspectMelf(file)?.variantBytes ?? 0 };
  });
  const file = readMelf(readFileSync(paths.service.melf));
  const figures = inspectMelf(file)!;
  const variants = figures.variants.map((one) => ({
    name: one.name,
    codeBytes: one.codeBytes,
    paddingBytes: one.paddingBytes,
    paddingPercent: one.paddingPercent,
    identicalFunctions: one.identicalFunctions,
  }));
  return { forms, windowBytes: figures.window.bytes, functions: figures.functions, variants };
}
