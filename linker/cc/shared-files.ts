// Flags by which the compiler writes further files under names that all variants would share: only the default variant gets them.

import { isDependencyFlag } from './dependencies.ts';

const WRITES = new RegExp(
  `^(${[
    '-save-(temps|stats).*|-aux-info.*|-dump(base|base-ext|dir)(=.*)?',
    // gcc's; some write to the standard error, where the default variant's text is enough.
    '-fdump-.*|-fopt-info.*|-fprofile-note=.*|-fdiagnostics-format=.*-file|-fdiagnostics-add-output=.*|-fmodule-output.*',
    // clang's
    '-MJ.*|-foptimization-record-file=.*|-ftime-trace=.*|--?serialize-diagnostics.*|-gen-cdb-fragment-path.*|-index-store-path.*',
  ].join('|')})$`,
);

/** What is left of a flag, its value included, for the call of another variant. */
export function withoutFiles(flag: readonly string[]): readonly string[] {
  const name = flag[0]!;
  if (isDependencyFlag(flag) || WRITES.test(name)) return [];
  if (name === '-Xassembler') return /^-a[a-z]*=/.test(flag[1] ?? '') ? [] : flag;
  if (!name.startsWith('-Wa,')) return flag;
  // The assembler's listings (as(1), `-a`) and rules for make.
  const words = name.split(',').slice(1);
  const left = words.filter((word, i) => !/^(-a[a-z]*=|--MD)/.test(word) && words[i - 1] !== '--MD');
  return left.length === 0 ? [] : [['-Wa', ...left].join(',')];
}
