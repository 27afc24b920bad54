// What libraries say of their own symbols: a section `.gnu.warning.SYMBOL` holds a text for whoever refers to the symbol (ld manual,
// "Output Section Discarding" and glibc's link_warning). glibc so tells of what a static program of it cannot do.

import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { ObjectFile } from './object.ts';
import { referenceIn } from './resolution.ts';
import { WARNING_PREFIX } from './section-names.ts';

/** Shows each text once, with the first that refers to its symbol from another file. */
export function reportSymbolWarnings(inputs: LoadedInputs, diagnostics: Diagnostics): void {
  const texts = new Map<string, { text: string; file: ObjectFile }>();
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section?.name.startsWith(WARNING_PREFIX) !== true) continue;
      const name = section.name.slice(WARNING_PREFIX.length);
      if (!texts.has(name)) texts.set(name, { text: textOf(section.data), file });
    }
  }
  if (texts.size === 0) return;
  for (const file of inputs.objects) {
    for (let i = file.firstGlobal; i < file.symbols.length && texts.size > 0; i++) {
      const { name, isDefined } = file.symbols[i]!;
      const found = isDefined ? undefined : texts.get(name);
      if (found === undefined || found.file.name === file.name) continue;
      texts.delete(name);
      const where = referenceIn(file, i) ?? file.displayName;
      const places = [
        { role: 'referenced by', where },
        { role: 'said by', where: found.file.displayName },
      ];
      diagnostics.warn('link.symbol-warning', found.text, places, undefined, { symbol: name });
    }
  }
}

/** The text up to its end, which may be a zero or the section's. */
function textOf(data: Uint8Array): string {
  const text = Buffer.from(data).toString('utf8');
  const end = text.indexOf('\0');
  return (end < 0 ? text : text.slice(0, end)).trimEnd();
}
