import type { ObjectTypes, TypeLayout } from './dwarf-types.ts';
import { readTypeLayouts } from './dwarf-types.ts';
import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { ObjectFile } from './object.ts';
import { COMMON } from './object.ts';

/**
 * Variants share their data, so every type must have one layout in all of them. Where objects have debug information this compares, unit by
 * unit, each type that two variants describe; a type may differ between units, as C allows it.
 */
export function checkTypeAgreement(inputs: LoadedInputs, diagnostics: Diagnostics): void {
  const { variants, objects } = inputs;
  if (variants.names.length < 2) return;
  const byUnit = new Map<string, ObjectFile[]>();
  for (const file of objects) {
    if (file.variant === COMMON) continue;
    const list = byUnit.get(file.unit);
    if (list === undefined) byUnit.set(file.unit, [file]);
    else list.push(file);
  }
  const told = new Set<string>();
  for (const files of byUnit.values()) {
    if (files.length < 2) continue;
    const first = files.find((f) => f.variant === variants.defaultIndex) ?? files[0]!;
    const own = readTypeLayouts(first);
    warnOfMissing(first, own, diagnostics);
    if (own.layouts.size === 0) continue;
    for (const other of files) {
      if (other === first) continue;
      const another = readTypeLayouts(other);
      if (own.missing === undefined) warnOfMissing(other, another, diagnostics);
      const toldHere = new Set<object>();
      for (const [key, theirs] of another.layouts) {
        const ours = own.layouts.get(key);
        if (ours === undefined || told.has(`${key} ${other.variant}`)) continue;
        const difference = differenceOf(ours, theirs, first.variant, other.variant, variants.names);
        if (difference === undefined) continue;
        told.add(`${key} ${other.variant}`);
        if (toldHere.has(ours.identity)) continue;
        toldHere.add(ours.identity);
        const [a, b] = [variants.names[first.variant], variants.names[other.variant]];
        diagnostics.error(
          'variants.type-differs',
          `variants ${a} and ${b} disagree about ${ours.title}: ${difference}`,
          [
            { role: 'defined in', where: `${ours.where} [variant ${a}], ${ours.size} bytes, in ${first.name}` },
            { role: 'defined in', where: `${theirs.where} [variant ${b}], ${theirs.size} bytes, in ${other.name}` },
          ],
          'variants share their data: compile all with the same macros that decide about types',
          { type: ours.name, size: ours.size, otherSize: theirs.size },
        );
      }
    }
  }
}

/** What is not compared must not look like agreement. */
function warnOfMissing(file: ObjectFile, { missing }: ObjectTypes, diagnostics: Diagnostics): void {
  if (missing === undefined) return;
  diagnostics.warn(
    'variants.types-not-compared',
    `the types of ${file.name} are not compared between variants: ${missing}`,
    [{ role: 'defined in', where: file.displayName }],
    'compile with -gdwarf-5 and without -gsplit-dwarf, so that a type whose layout differs is noticed',
    { file: file.name },
  );
}

const place = (bits: number): string => (bits % 8 === 0 ? `+${bits / 8}` : `+${Math.floor(bits / 8)} bit ${bits % 8}`);

function differenceOf(
  a: TypeLayout,
  b: TypeLayout,
  v: number,
  w: number,
  names: readonly string[],
): string | undefined {
  const [first, second] = [`variant ${names[v]}`, `variant ${names[w]}`];
  const theirs = new Map(b.members.map((m) => [m.name, m]));
  const ours = new Set(a.members.map((m) => m.name));
  for (const member of a.members) {
    const other = theirs.get(member.name);
    if (other === undefined)
      return `member ${member.name}, at ${place(member.offset)} in ${first}, is not in ${second}`;
    if (other.offset === member.offset && other.type === member.type) continue;
    const extra = b.members.find((m) => !ours.has(m.name) && m.offset <= other.offset);
    const because = extra === undefined ? '' : `, after ${extra.name}, which only that has`;
    if (other.offset !== member.offset)
      return `member ${member.name} is at ${place(member.offset)} in ${first} and at ${place(other.offset)} in ${second}${because}`;
    return `member ${member.name} at ${place(member.offset)} is ${member.type} in ${first} and ${other.type} in ${second}`;
  }
  const extra = b.members.find((m) => !ours.has(m.name));
  if (extra !== undefined) return `member ${extra.name}, at ${place(extra.offset)} in ${second}, is not in ${first}`;
  for (const [name, value] of a.enumerators) {
    const other = b.enumerators.get(name);
    if (other !== undefined && other !== value)
      return `enumerator ${name} is ${value} in ${first} and ${other} in ${second}`;
  }
  return a.size === b.size ? undefined : `${a.size} bytes in ${first} and ${b.size} in ${second}`;
}
