import { type Diagnostics, firstPlaces, type Place } from './errors.ts';
import { isNameless } from './variant-data.ts';
import type { VariantGroup, VariantPlan } from './variants.ts';

/**
 * Names that C reserves for the implementation (C17 7.1.3): data of sanitizers, profilers and coverage (`LPBX` are gcc's tables for it), which is made for its variant; and gcc's
 * references from unwind tables, which lie in writable data but are never written.
 */
const OF_THE_COMPILER = /^(_[_A-Z]|DW\.ref\.|\.data\.rel\.(local\.)?\.LPBX)/;
/** Static members and variables of C++ have such a name, too (Itanium C++ ABI, section 5.1). */
const MANGLED = /^_Z/;

/**
 * Writable data that not every variant has as such. Often that is meant (a counter of the profiled variant alone), but gcc also drops a variable
 * whose value only another variant reads, with the stores to it, and makes a constant of one that only another variant writes: then the
 * variants do not keep one state.
 */
export function reportPartialData(plan: VariantPlan, strict: boolean, diagnostics: Diagnostics): void {
  const { names } = plan.variants;
  if (names.length < 2) return;
  const found = plan.groups.flatMap((group) => placeOfPartial(group, names) ?? []);
  if (found.length === 0) return;
  const places = firstPlaces(found);
  const what = found.length === 1 ? 'variable is' : 'variables are';
  const message = `${found.length} ${what} missing or constant in some variants: what others store there these neither see nor keep up`;
  const hint =
    'if the source is the same in all of them, the compiler found no other use: gcc keeps such with -fno-ipa-reference-addressable or the attribute used';
  const facts = { variables: found.map(({ role }) => role.split(' ')[0]!).join(' ') };
  if (strict) diagnostics.error('variants.data-partial', message, places, hint, facts);
  else diagnostics.warn('variants.data-partial', message, places, hint, facts);
}

function placeOfPartial(group: VariantGroup, names: readonly string[]): Place | undefined {
  if (group.kind !== 'data' || (OF_THE_COMPILER.test(group.name) && !MANGLED.test(group.name))) return undefined;
  const writable = group.members.find((m) => m?.isWritable === true);
  if (writable === undefined || !writable.final.live) return undefined;
  const where = `${writable.file.name}:(${writable.name})`;
  // What code copies into a local array at its definition: gcc puts it into .data where it holds addresses, and nobody writes it there.
  if (group.members.every((m) => m === undefined || isNameless(m))) return undefined;
  const having = names.filter((_, v) => group.members[v] !== undefined);
  if (having.length < names.length) return { role: `${group.name} only in`, where: `${having.join(', ')}: ${where}` };
  const constant = names.filter((_, v) => group.members[v]?.isWritable === false);
  if (constant.length === 0) return undefined;
  return { role: `${group.name} constant in`, where: `${constant.join(', ')}: ${where}` };
}
