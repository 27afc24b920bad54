// Compile and link in one call: the compiler writes dependency files, temporaries and the like under names made of the program's and the
// source's (GCC manual, "Overall Options", -dumpdir). Here each source is compiled by a call of its own, which is told those names.

import type { Argument } from './command-line.ts';
import { runTool } from './process.ts';
import { splitWords } from './words.ts';

type Source = Argument & { kind: 'input' };

/** What the call for one source gets besides. */
export interface SideFiles {
  readonly flags: readonly Argument[];
  /** Where the object is to stay, when it is one of the files asked for (`-save-temps`). */
  readonly object: string | undefined;
}

const DEPENDENCIES = /^-MM?D$/;
const MORE =
  /^(-save-temps.*|-fstack-usage|-gsplit-dwarf|-fcallgraph-info.*|-fdump-.*|-fsave-optimization-record|-fopt-info.*|-ftest-coverage|-fprofile-arcs|--coverage|-coverage)$/;

/**
 * The names that the compiler's driver would use, as it tells itself (`-###`).
 * @param words the whole command line, output and the default variant's flags included
 */
export function sideFiles(
  compiler: readonly string[],
  words: readonly string[],
  sources: readonly Source[],
): ReadonlyMap<Source, SideFiles> {
  const found = new Map<Source, SideFiles>();
  if (!words.some((word) => DEPENDENCIES.test(word) || MORE.test(word))) return found;
  const asked = runTool([...compiler, ...words, '-###'], { quiet: true, env: { ...process.env, LC_ALL: 'C' } });
  // The real call says what is wrong.
  if (asked.code !== 0) return found;
  for (const [source, calls] of callsBySource(asked.stderr, sources)) {
    const value = (...names: string[]): string | undefined => {
      const at = calls.findIndex((word) => names.includes(word));
      return at < 0 ? undefined : calls[at + 1];
    };
    const flags: string[][] = [];
    if (words.some((word) => DEPENDENCIES.test(word))) {
      const file = value('-MD', '-MMD', '-dependency-file');
      if (file !== undefined && !words.some((word) => word.startsWith('-MF'))) flags.push(['-MF', file]);
      // Without -o the rule is for an object in this folder, wherever the source lies.
      const target = value('-MQ', '-MT') ?? source.path.replace(/^.*\//, '').replace(/(\.[^.]*)?$/, '.o');
      if (!words.some((word) => /^-M[TQ]/.test(word))) flags.push(['-MQ', target]);
    }
    const [folder, base, ending] = [value('-dumpdir'), value('-dumpbase'), value('-dumpbase-ext')];
    if (folder !== undefined) flags.push(['-dumpdir', folder]);
    if (base !== undefined) flags.push(['-dumpbase', base]);
    if (ending !== undefined) flags.push(['-dumpbase-ext', ending]);
    const stays = words.some((word) => word.startsWith('-save-temps')) && folder !== undefined && base !== undefined;
    const stem = ending !== undefined && base?.endsWith(ending) === true ? base.slice(0, -ending.length) : base;
    found.set(source, {
      flags: flags.map((own) => ({ kind: 'flag', words: own })),
      object: stays ? `${folder}${stem}.o` : undefined,
    });
  }
  return found;
}

/** The words of all calls of the compiler proper, which may be several for one source: of those after the first not all name it. */
function callsBySource(text: string, sources: readonly Source[]): Map<Source, string[]> {
  const calls = new Map<Source, string[]>();
  let current: Source | undefined;
  for (const line of text.split('\n')) {
    if (!/^ ["/\w]/.test(line)) continue;
    const words = splitWords(line);
    if (!/(^|\/)cc1(plus|obj|objplus)?$/.test(words[0]!) && words[1] !== '-cc1') continue;
    current = sources.find((one) => !calls.has(one) && words.includes(one.path)) ?? current;
    if (current !== undefined) calls.set(current, [...(calls.get(current) ?? []), ...words]);
  }
  return calls;
}
