// Whether what the options ask for by name or by number can be had.

import { editDistance } from '../base/edit-distance.ts';
import { STT_FUNC, STT_GNU_IFUNC } from './elf.ts';
import { type Diagnostics, LinkError } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import { COMMON } from './object.ts';
import { globMatcher, type LinkOptions } from './options.ts';
import type { SymbolTable } from './resolution.ts';
import { closestName, mostLettersOff } from './suggestion.ts';
import { baseFunction } from './variant-keys.ts';
import type { VariantPlan } from './variants.ts';

/**
 * Segments are mapped by pages, so an address between two of them makes a file that no kernel can start.
 * @throws LinkError `link.image-base`
 */
export function checkImageBase(base: number | undefined, isPie: boolean, page: number): void {
  if (base === undefined) return;
  const least = isPie ? 0 : 0x1000;
  if (Number.isSafeInteger(base) && base >= least && base <= 0x7fff_0000_0000 && base % page === 0) return;
  throw new LinkError('link.image-base', `the program cannot begin at 0x${base.toString(16)}`, {
    hint: `give a multiple of 0x${page.toString(16)}, from 0x${least.toString(16)} to 0x7fff00000000`,
  });
}

/** What `--require-defined` names must be there, whether or not anything refers to it. */
export function checkRequired(
  { requiredSymbols = [] }: LinkOptions,
  table: SymbolTable,
  diagnostics: Diagnostics,
): void {
  for (const name of requiredSymbols) {
    if (table.lookup(name, COMMON) !== undefined) continue;
    const near = closestName(name, table);
    diagnostics.error(
      'link.undefined-symbol',
      `undefined symbol: ${name}`,
      [{ role: 'required by', where: '--require-defined' }],
      near === undefined ? 'give the object or archive that defines it' : `did you mean ${near.name} of ${near.where}?`,
      { symbol: name },
    );
  }
}

/**
 * Warns of patterns of functions that match none: by a slip of the pen the function that switches would stay multivariant. A project's patterns
 * hold for all its programs, among them those of a configure script, so that of these only the ones are told that are nearly a name.
 */
export function checkPatterns(
  inputs: LoadedInputs,
  options: LinkOptions,
  plan: VariantPlan,
  diagnostics: Diagnostics,
): void {
  const { common = [], multivariant = [], pageAlign = [], patternsOfProject = false } = options;
  if (plan.variants.names.length < 2 || common.length + multivariant.length + pageAlign.length === 0) return;
  const own = new Set(plan.groups.filter(({ kind }) => kind === 'text').map(({ name }) => baseFunction(name)));
  const all = new Set([...own, ...functionsOf(inputs)]);
  const slots = new Set(plan.slots.map(({ name }) => name));
  const check = (flag: string, table: string, patterns: readonly string[], names: ReadonlySet<string>): void => {
    for (const pattern of patterns) {
      const matches = globMatcher([pattern]);
      if ([...names].some(matches)) continue;
      const isCommon = all.has(pattern);
      const near = isCommon ? undefined : nearName(pattern, own);
      if (near === undefined && patternsOfProject) continue;
      const asked = patternsOfProject ? `${table} in melf.toml: ${pattern}` : `${flag} ${pattern}`;
      const what = isCommon ? 'is of a function without variants' : 'matches no function';
      const usual = isCommon ? 'leave it out' : 'give names as symbols have them, in C++ mangled ones';
      const hint = near === undefined ? usual : `did you mean ${near}?`;
      diagnostics.warn('variants.pattern-unused', `${asked} ${what}`, [], hint, { pattern });
    }
  };
  // What was compiled once is common anyway, so a pattern of it is right.
  check('--common', '[common] functions', common, all);
  check('--multivariant', '[multivariant] functions', multivariant, all);
  const ownPages = pageAlign.filter((pattern) => pattern !== 'all');
  check('--page-align', '[link] page-align', ownPages, slots);
}

function* functionsOf(inputs: LoadedInputs): Generator<string> {
  for (const { symbols } of inputs.objects) {
    for (const { name, type, isDefined } of symbols)
      if (isDefined && (type === STT_FUNC || type === STT_GNU_IFUNC)) yield baseFunction(name);
  }
}

function nearName(pattern: string, names: ReadonlySet<string>): string | undefined {
  const limit = mostLettersOff(pattern);
  return [...names].find(
    (name) => Math.abs(name.length - pattern.length) <= limit && editDistance(name, pattern, limit + 1) <= limit,
  );
}
