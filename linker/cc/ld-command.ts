// The command line of GNU ld, as far as it speaks of static executables: what gcc and clang hand to their linker (ld(1)).

import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { InputError, LinkError } from '../errors.ts';
import type { LinkInput, LinkOptions } from '../options.ts';
import { IGNORED, IGNORED_VALUES, IGNORED_Z, READ_BY_LD, SPEED } from './ld-ignored.ts';
import { readAddress, readBuildId, readDefsym, readNumber } from './ld-values.ts';
import { readLibraryScript, textOf } from './library-script.ts';

/** A link as a command line of ld asks for it. */
export interface LdCommand {
  readonly options: LinkOptions;
  readonly output: string;
  readonly map: string | undefined;
  /** Whether `--stats` asks what the link took. */
  readonly statistics: boolean;
  /** Flags that have no effect here, each with the reason. */
  readonly ignored: readonly string[];
}

const UNKNOWN = 'leave it out of LDFLAGS, or link this program with the wrapped compiler';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads the words after the linker's own name. @throws LinkError for what cannot be honoured. */
export function readLdCommand(words: readonly string[]): LdCommand {
  return new Reader(words).read();
}

class Reader {
  readonly #words: readonly string[];
  readonly #inputs: LinkInput[] = [];
  readonly #options: Mutable<LinkOptions> = { inputs: this.#inputs };
  readonly #undefined: string[] = [];
  readonly #required: string[] = [];
  readonly #wrap: string[] = [];
  readonly #defsyms: Record<string, string> = {};
  readonly #ignored: string[] = [];
  readonly #pending: { name: string; whole: boolean; at: number; group: number | undefined }[] = [];
  #groups = 0;
  #group: number | undefined;
  readonly #folders: string[] = [];
  readonly #lists: { flag: string; path: string }[] = [];
  #sysroot = '';
  #whole = false;
  readonly #states: boolean[] = [];
  #output = 'a.out';
  #map: string | undefined;
  #at = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  read(): LdCommand {
    for (; this.#at < this.#words.length; this.#at++) {
      const word = this.#words[this.#at]!;
      if (word.startsWith('-') && word !== '-') this.#flag(word);
      else this.#pending.push({ name: word, whole: this.#whole, at: this.#at, group: this.#group });
    }
    // ld searches the folders of the whole command line for each library; `=` stands for the system root.
    for (const [i, folder] of this.#folders.entries())
      this.#folders[i] = folder.replace(/^(=|\$SYSROOT)/, this.#sysroot);
    this.#checkLists();
    for (const { name, whole, group } of this.#pending) {
      this.#group = group;
      if (name.startsWith('-l')) this.#library(name.slice(2), whole);
      else this.#file(name, whole, 0);
    }
    const options: LinkOptions = {
      ...this.#options,
      undefinedSymbols: this.#undefined,
      requiredSymbols: this.#required,
      wrap: this.#wrap,
      defsyms: this.#defsyms,
    };
    return {
      options,
      output: this.#output,
      map: this.#map,
      statistics: this.#options.measure === true,
      ignored: this.#ignored,
    };
  }

  /** They change nothing, but a wrong name is one in every linker; ld looks in the folders of -L, too. */
  #checkLists(): void {
    for (const { flag, path } of this.#lists) {
      if ([path, ...this.#folders.map((folder) => join(folder, path))].some((one) => existsSync(one))) continue;
      throw new InputError('link.unreadable', path, `cannot be read (ENOENT), and ${flag} names it`, 'check the path');
    }
  }

  #value(flag: string, word: string): string {
    if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1);
    if (word.length > flag.length) return word.slice(flag.length);
    const value = this.#words[++this.#at];
    if (value === undefined) {
      throw new LinkError('cc.ld-value', `the linker flag ${flag} needs a value`, {
        hint: `behind the compiler's -Wl, it stands after a comma: -Wl,${flag},VALUE`,
      });
    }
    return value;
  }

  #flag(given: string): void {
    // ld takes long names with one dash, too, but for those that begin with o.
    const word = /^-[^-o].+/.test(given) && `-${given.split('=')[0]}` in LONG ? `-${given}` : given;
    const name = word.split('=')[0]!;
    const options = this.#options;
    if (/^(--start-group|-\()$/.test(name)) this.#group = ++this.#groups;
    else if (/^(--end-group|-\))$/.test(name)) this.#group = undefined;
    if (name in IGNORED) {
      this.#ignored.push(`${given}: ${IGNORED[name]}`);
    } else if (name in IGNORED_VALUES) {
      this.#ignored.push(`${given}: ${IGNORED_VALUES[name]}`);
      const value = this.#value(name, word);
      if (READ_BY_LD.has(name)) this.#lists.push({ flag: name, path: value });
    } else if (name in LONG) this.#long(name, word);
    else if (/^-l./.test(word) || word === '-l')
      this.#pending.push({
        name: `-l${this.#value('-l', word)}`,
        whole: this.#whole,
        at: this.#at,
        group: this.#group,
      });
    else if (/^-L/.test(word)) this.#folders.push(word.length > 2 ? word.slice(2) : this.#value('-L', word));
    else if (/^-u/.test(word)) this.#undefined.push(this.#value('-u', word));
    else if (/^-e/.test(word)) options.entry = this.#value('-e', word);
    else if (/^-z/.test(word)) this.#keyword(this.#value('-z', word));
    else if (/^-y/.test(word)) this.#ignored.push(`-y ${this.#value('-y', word)}: use -Map`);
    else if (/^-O/.test(word)) this.#ignored.push(`${word}: ${SPEED}`);
    else if (/^-m/.test(word)) this.#emulation(this.#value('-m', word));
    else if (/^-o/.test(word)) this.#output = this.#value('-o', word);
    else if (word === '-s') options.stripAll = true;
    else if (word === '-S') options.stripDebug = true;
    else if (/^-T(text|data|bss|rodata-segment|ldata-segment)\b/.test(word)) {
      throw new LinkError('cc.ld-section-address', `a section cannot be put at an address of its own (${given})`, {
        hint: 'the linker places the sections of a MELF; -Ttext-segment=ADDRESS moves the whole program',
      });
    } else if (/^-T/.test(word)) {
      throw new LinkError('cc.ld-script', `a linker script (${given}) cannot be used`, {
        hint: 'the layout of a MELF is given: its window lies in page tables of its own',
      });
    } else {
      throw new LinkError('cc.ld-option', `the linker flag ${given} is not known to this linker`, {
        hint: UNKNOWN,
      });
    }
  }

  #long(name: string, word: string): void {
    const options = this.#options;
    const value = (): string => this.#value(name, word);
    switch (name) {
      case '--whole-archive':
        this.#whole = true;
        break;
      case '--no-whole-archive':
        this.#whole = false;
        break;
      case '--push-state':
        this.#states.push(this.#whole);
        break;
      case '--pop-state':
        this.#whole = this.#states.pop() ?? false;
        break;
      case '--gc-sections':
      case '--no-gc-sections':
        // The last one wins.
        options.gcSections = name === '--gc-sections';
        break;
      case '--diagnostics': {
        // A flag of this linker alone; what it means was asked before, see report.ts.
        const form = value();
        if (form !== 'text' && form !== 'json')
          throw new LinkError('cc.ld-value', `--diagnostics=${form} is neither text nor json`, {
            hint: 'json: one object a line, for other programs',
          });
        break;
      }
      case '--stats':
        options.measure = true;
        break;
      case '--build-id':
        options.buildId = readBuildId(word);
        if (options.buildId === 'uuid') this.#ignored.push(`${word}: not random, so that equal links are equal files`);
        break;
      case '--strip-all':
        options.stripAll = true;
        break;
      case '--strip-debug':
        options.stripDebug = true;
        break;
      case '--Map':
        this.#map = value();
        break;
      case '--entry':
        options.entry = value();
        break;
      case '--undefined':
        this.#undefined.push(value());
        break;
      case '--require-defined':
        this.#required.push(value());
        break;
      case '--wrap':
        this.#wrap.push(value());
        break;
      case '--library':
        this.#pending.push({ name: `-l${value()}`, whole: this.#whole, at: this.#at, group: this.#group });
        break;
      case '--library-path':
        this.#folders.push(value());
        break;
      case '--output':
        this.#output = value();
        break;
      case '--sysroot':
        this.#sysroot = value();
        break;
      case '--allow-multiple-definition':
        options.multipleDefinitions = true;
        break;
      case '--image-base':
      case '--Ttext-segment':
        options.imageBase = readAddress(name, value(), name !== '--image-base');
        break;
      case '--defsym': {
        const [symbol, expression] = readDefsym(value());
        this.#defsyms[symbol] = expression;
        break;
      }
      case '--error-limit':
        // 0: all of them, as lld has it.
        options.errorLimit = readNumber(name, value()) || Number.MAX_SAFE_INTEGER;
        break;
      case '--pie':
      case '--pic-executable':
        options.pie = true;
        break;
      case '--fatal-warnings':
        options.strictData = true;
        break;
      case '--no-fatal-warnings':
        options.strictData = false;
        break;
      case '--no-pie':
        options.pie = false;
        break;
      case '--shared':
      case '--Bshareable':
        throw new LinkError('cc.ld-shared', 'a shared library cannot be made by this linker', {
          hint: 'views belong to the executable; give -shared to melf-cc, which hands it to the wrapped compiler',
        });
      case '--relocatable':
        throw new LinkError('cc.ld-relocatable', 'a relocatable output is made by melf-cc -r, not by this linker', {
          hint: 'give -r without -Wl,',
        });
    }
  }

  #keyword(keyword: string): void {
    if (keyword === 'muldefs') this.#options.multipleDefinitions = true;
    else if (keyword === 'execstack' || keyword === 'noexecstack')
      this.#options.executableStack = keyword === 'execstack';
    else if (keyword.startsWith('stack-size='))
      this.#options.stackSize = readNumber('-z stack-size', keyword.slice(11));
    else if (IGNORED_Z.test(keyword)) {
      if (/^(no)?relro$/.test(keyword)) this.#options.relro = keyword === 'relro';
      if (keyword !== 'norelro') this.#ignored.push(`-z ${keyword}: a static executable of this linker is as it is`);
    } else {
      throw new LinkError('cc.ld-option', `the linker flag -z ${keyword} is not known to this linker`, {
        hint: UNKNOWN,
      });
    }
  }

  #emulation(name: string): void {
    if (name === 'elf_x86_64') this.#options.isa = 'x86-64';
    else if (/^aarch64(elf|linux)$/.test(name)) this.#options.isa = 'aarch64';
    else
      throw new LinkError('cc.ld-emulation', `programs of the kind ${name} cannot be linked`, {
        hint: 'x86-64 and AArch64 can',
      });
  }

  #library(name: string, whole: boolean): void {
    const file = name.startsWith(':') ? name.slice(1) : `lib${name}.a`;
    const found = this.#folders.map((folder) => join(folder, file)).find((path) => existsSync(path));
    if (found !== undefined) {
      this.#file(found, whole, 0);
      return;
    }
    const shared = this.#folders.map((folder) => join(folder, `lib${name}.so`)).find((path) => existsSync(path));
    throw new LinkError('link.no-library', `cannot find -l${name}: there is no ${file}`, {
      hint:
        shared === undefined
          ? `looked in: ${this.#folders.join(', ')}`
          : `there is only ${shared}, and a MELF is static`,
    });
  }

  /** Where a path of a script leads to: scripts that lie in the system root mean paths in it (ld(1), `--sysroot`). */
  #inSysroot(named: string, script: string): string[] {
    const root = this.#sysroot.replace(/\/+$/, '');
    if (named.startsWith('=')) return [root + named.slice(1)];
    const within = root !== '' && named.startsWith('/') && resolve(script).startsWith(`${resolve(root)}/`);
    return within ? [root + named, named] : [named];
  }

  /** An object or archive, or a text that names such (libm.a of glibc is one). */
  #file(path: string, whole: boolean, depth: number): void {
    const text = depth > 8 ? undefined : textOf(path);
    if (text === undefined) {
      this.#inputs.push({ path, wholeArchive: whole, group: this.#group });
      return;
    }
    for (const named of readLibraryScript(text, path)) {
      if (named.startsWith('-l')) this.#library(named.slice(2), whole);
      else {
        const candidates = [
          ...this.#inSysroot(named, path),
          join(dirname(path), named),
          ...this.#folders.map((folder) => join(folder, named)),
        ];
        const found = candidates.find((one) => existsSync(one));
        if (found === undefined) throw new InputError('link.unreadable', path, `it names ${named}, which is not there`);
        if (!/\.so(\.|$)/.test(found)) this.#file(found, whole, depth + 1);
      }
    }
  }
}

/** Long flags that have an effect (or are refused for a reason of their own). */
const LONG: Readonly<Record<string, true>> = Object.fromEntries(
  (
    'stats whole-archive no-whole-archive push-state pop-state gc-sections no-gc-sections diagnostics build-id strip-all strip-debug Map entry undefined require-defined wrap library library-path sysroot ' +
    'output allow-multiple-definition image-base Ttext-segment defsym error-limit fatal-warnings no-fatal-warnings pie no-pie pic-executable shared Bshareable relocatable'
  )
    .split(' ')
    .map((name) => [`--${name}`, true as const]),
);
