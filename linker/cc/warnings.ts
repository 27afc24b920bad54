// Warnings that the default variant's compile did not show: each is shown once, with the first variant that has it.

import { stripVTControlCharacters } from 'node:util';

interface Warning {
  /** The line that says what it is. */
  readonly head: string;
  /** Where it is: `In function …`, `In file included from …`. */
  readonly context: readonly string[];
  /** The source, and notes. */
  readonly more: string[];
}

/** What makes two of them the same. Lines of assembly, in temporary files at that, differ between variants. */
const keyOf = (head: string): string => head.replace(/^\S*(\.s|\{standard input\}):\d+: (?=Warning: )/, '');

function warningsIn(text: string): Warning[] {
  const found: Warning[] = [];
  let context: string[] = [];
  let inContext = false;
  for (const line of stripVTControlCharacters(text).split('\n')) {
    const isHead = /^\S.*?: [Ww]arning: /.test(line) || /^warning: /.test(line);
    const isContext = /^(In file included from |\s+from )|^\S.*: (In|At) .*:$|: Assembler messages:$/.test(line);
    if (isContext) context = inContext ? [...context, line] : [line];
    else if (isHead) found.push({ head: line, context, more: [] });
    // clang counts them at the end.
    else if (line !== '' && !/^\d+ warnings? generated\.$/.test(line)) found.at(-1)?.more.push(line);
    inContext = isContext;
  }
  return found;
}

/** Which warnings were shown for a source. */
export class Warnings {
  readonly #shown: Set<string>;

  /** @param text what the default variant's compiler wrote */
  constructor(text: string) {
    this.#shown = new Set(warningsIn(text).map(({ head }) => keyOf(head)));
  }

  /** Those in what another variant's compiler wrote that are new, with the variant's name; they count as shown. */
  further(text: string, variant: string): string {
    let shownContext = '';
    let out = '';
    for (const { head, context, more } of warningsIn(text)) {
      const key = keyOf(head);
      if (this.#shown.has(key)) continue;
      this.#shown.add(key);
      const where = context.map((line) => `${line}\n`).join('');
      if (where !== shownContext) out += where;
      shownContext = where;
      out += [`${head} [variant ${variant}]`, ...more, ''].join('\n');
    }
    return out;
  }
}
