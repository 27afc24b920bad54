// C++ names as their programmers wrote them: by c++filt, which comes with every gcc.

import { spawnSync } from 'node:child_process';

/** What c++filt takes for a name. */
const MANGLED = /(?<![\w$.])_Z[\w$.]+/g;

/** Asks c++filt for one kind of names, and for each name once: reports of one program have mostly the same. */
class Demangler {
  readonly #flags: readonly string[];
  readonly #known = new Map<string, string>();
  #isThere = true;

  constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  replaceIn(text: string): string | undefined {
    const found = text.match(MANGLED);
    if (found === null) return text;
    const names = [...new Set(found)].filter((name) => !this.#known.has(name));
    if (names.length > 0 && !this.#ask(names)) return undefined;
    return text.replace(MANGLED, (name) => this.#known.get(name)!);
  }

  #ask(names: readonly string[]): boolean {
    if (!this.#isThere) return false;
    const input = `${names.join('\n')}\n`;
    const { status, stdout } = spawnSync('c++filt', this.#flags, { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
    this.#isThere = status === 0;
    if (this.#isThere) for (const [i, name] of stdout.trimEnd().split('\n').entries()) this.#known.set(names[i]!, name);
    return this.#isThere;
  }
}

const short = new Demangler(['-p']);
const whole = new Demangler([]);

/** The same text, its mangled names replaced, without parameters; undefined where the machine has no c++filt. */
export const demangled = (text: string): string | undefined => short.replaceIn(text);

/** The same text, its names as people write them if this machine can tell. */
export const readableNames = (text: string): string => demangled(text) ?? text;

/** The same with the parameters, which tell overloaded functions apart. */
export const readableSignatures = (text: string): string => whole.replaceIn(text) ?? text;
