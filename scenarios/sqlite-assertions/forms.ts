import type { CompileName } from './build.ts';

/** The executables: SQLite as users compile it, each variant alone, both in one file. */
export const forms = {
  plain: ['plain'],
  noassert: ['noassert'],
  always: ['assert'],
  melf: ['noassert', 'assert'],
} as const satisfies Record<string, readonly CompileName[]>;
export type Form = keyof typeof forms;
export const formNames = Object.keys(forms) as Form[];

/** The variants of the form melf, in the order of its views: each gets one when a thread first switches to it, the default has number 0. */
export const variantNames = forms.melf;

export const programs = ['service', 'speedtest1', 'ledger'] as const;
export type Program = (typeof programs)[number];
