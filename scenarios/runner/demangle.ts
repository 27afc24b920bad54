// C++ names as their programmers wrote them, without parameters: by c++filt, which comes with every gcc.

import { spawnSync } from 'node:child_process';

/** What c++filt takes for a name. */
const MANGLED = /(?<![\w$.])_Z[\w$.]+/g;

/** Names that were asked for before: reports of one program have mostly the same. */
const known = new Map<string, string>();

/** The same text, its mangled names replaced; undefined where the machine has no c++filt. */
export function demangled(text: string): string | undefined {
  const names = [...new Set(text.match(MANGLED))].filter((name) => !known.has(name));
  if (names.length > 0) {
    const input = `${names.join('\n')}\n`;
    const { status, stdout } = spawnSync('c++filt', ['-p'], { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
    if (status !== 0) return undefined;
    for (const [i, name] of stdout.trimEnd().split('\n').entries()) known.set(names[i]!, name);
  }
  return text.replace(MANGLED, (name) => known.get(name)!);
}

/** The same text, its names as people write them if this machine can tell. */
export const readableNames = (text: string): string => demangled(text) ?? text;
