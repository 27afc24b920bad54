import type { Diagnostics } from './errors.ts';
import type { InputSection } from './section.ts';
import type { VariantGroup, VariantPlan } from './variants.ts';

const SHOWN = 8;
/** Names that C reserves for the implementation (C17 7.1.3): data of sanitizers, profilers and coverage, which is made for its variant. */
const OF_THE_COMPILER = /^_[_A-Z]/;
/** Static members and variables of C++ have such a name, too (Itanium C++ ABI, section 5.1). */
const MANGLED = /^_Z/;

/**
 * Writable data that not every variant has. Often that is meant (a counter of the profiled variant alone), but gcc also drops a variable whose
 * value only another variant reads, and the stores to it with it: then the variants no longer keep one state.
 */
export function reportPartialData(plan: VariantPlan, strict: boolean, diagnostics: Diagnostics): void {
  const { names } = plan.variants;
  if (names.length < 2) return;
  const found: { group: VariantGroup; section: InputSection; where: string }[] = [];
  for (const group of plan.groups) {
    if (group.kind !== 'data' || (OF_THE_COMPILER.test(group.name) && !MANGLED.test(group.name))) continue;
    const section = group.members.find((m) => m !== undefined);
    if (section === undefined || !section.isWritable || !section.final.live) continue;
    const having = names.filter((_, v) => group.members[v] !== undefined);
    if (having.length === names.length) continue;
    found.push({ group, section, where: `${having.join(', ')}: ${section.file.name}:(${section.name})` });
  }
  if (found.length === 0) return;
  const places = found.slice(0, SHOWN).map(({ group, where }) => ({ role: `${group.name} only in`, where }));
  if (found.length > SHOWN) places.push({ role: 'and', where: `${found.length - SHOWN} more` });
  const what = found.length === 1 ? 'variable is' : 'variables are';
  const message = `${found.length} ${what} not in all variants: what one variant stores there another neither sees nor keeps up`;
  const hint =
    'if the source has it in all of them, the compiler dropped it: gcc keeps such with -fno-ipa-reference-addressable or the attribute used';
  const facts = { variables: found.map(({ group }) => group.name).join(' ') };
  if (strict) diagnostics.error('variants/data-partial', message, places, hint, facts);
  else diagnostics.warn('variants/data-partial', message, places, hint, facts);
}
