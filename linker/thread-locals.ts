// Whether all files agree on what is thread-local: such a symbol's value is an offset in a thread's block, any other's an address, and nothing in a
// linked program would show that one was taken for the other.

import { STT_TLS } from './elf.ts';
import type { Diagnostics, Place } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { ObjectFile } from './object.ts';
import { placeOf, referenceIn } from './resolution.ts';
import type { LinkSymbol } from './symbol.ts';

const SHOWN = 3;

interface Mismatch {
  readonly definition: LinkSymbol;
  readonly places: Place[];
}

/** Reports symbols that one file has as thread-local and another as ordinary. Must run after `bindReferences`. */
export function checkThreadLocals(inputs: LoadedInputs, diagnostics: Diagnostics): void {
  const found = new Map<string, Mismatch>();
  for (const file of inputs.objects) {
    const { symbols, resolved, firstGlobal } = file;
    for (let i = firstGlobal; i < symbols.length; i++) {
      const symbol = symbols[i]!;
      const definition = resolved[i]!;
      // What the linker or the command line defines has no type of its own.
      if ((symbol.type === STT_TLS) === (definition.type === STT_TLS) || definition.file === undefined) continue;
      let mismatch = found.get(symbol.name);
      if (mismatch === undefined) {
        mismatch = { definition, places: [] };
        found.set(symbol.name, mismatch);
      }
      if (mismatch.places.length < SHOWN) mismatch.places.push(placeIn(file, i));
    }
  }
  for (const [name, { definition, places }] of found) {
    const isLocal = definition.type === STT_TLS;
    diagnostics.error(
      'link.tls-mismatch',
      isLocal
        ? `${name} is thread-local, and is used as an ordinary variable`
        : `${name} is an ordinary variable, and is used as a thread-local one`,
      [{ role: 'defined in', where: placeOf(definition) }, ...places],
      'all files must declare it alike, with __thread (_Thread_local, thread_local) or without: a header that all include makes that sure',
      { symbol: name },
    );
  }
}

/** Where a file refers to one of its symbols, or defines it. */
function placeIn(file: ObjectFile, index: number): Place {
  const symbol = file.symbols[index]!;
  if (symbol.isDefined) return { role: 'defined in', where: placeOf(symbol) };
  return { role: 'referenced by', where: referenceIn(file, index) ?? file.displayName };
}
