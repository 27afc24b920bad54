// What a command line of gcc or clang asks for (GCC manual, "Overall Options"). Only the flags that decide about inputs and outputs are
// understood; all others are handed on as they are, in their order.

import { readFileSync, statSync } from 'node:fs';
import { extname } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { decodeWords } from './raw-words.ts';
import { splitWords } from './words.ts';

/** What the compiler is to make. */
export type Goal = 'executable' | 'object' | 'assembly' | 'relocatable' | 'shared' | 'other';

export type Argument =
  | { readonly kind: 'flag'; readonly words: readonly string[] }
  /** `language` as `-x` names it; undefined: something for the linker. */
  | {
      readonly kind: 'input';
      readonly path: string;
      readonly language: string | undefined;
      /** The language was named by -x, not by the file's ending. */
      readonly forced?: boolean;
    };

export interface CommandLine {
  readonly goal: Goal;
  /** All but `-o`, `-c`, `-S`, in order. */
  readonly arguments: readonly Argument[];
  readonly output: string | undefined;
  /** The last flag has no value. */
  readonly isIncomplete: boolean;
}

const LANGUAGES: Readonly<Record<string, string>> = {
  '.c': 'c',
  '.i': 'cpp-output',
  '.cc': 'c++',
  '.cp': 'c++',
  '.cxx': 'c++',
  '.cpp': 'c++',
  '.CPP': 'c++',
  '.c++': 'c++',
  '.C': 'c++',
  '.ii': 'c++-cpp-output',
  '.s': 'assembler',
  '.S': 'assembler-with-cpp',
  '.sx': 'assembler-with-cpp',
  '.h': 'c-header',
  '.hh': 'c++-header',
  '.hpp': 'c++-header',
  '.hxx': 'c++-header',
  '.H': 'c++-header',
  '.m': 'objective-c',
  '.mm': 'objective-c++',
  '.f': 'f77',
  '.f90': 'f95',
  '.F': 'f77-cpp-input',
  '.F90': 'f95-cpp-input',
  '.d': 'd',
  '.go': 'go',
  '.adb': 'ada',
};

/** Flags whose value is the next word. */
const WITH_VALUE = new Set(
  (
    '-o -x -I -D -U -L -l -T -u -z -e -A -B -G -F -include -imacros -isystem -iquote -idirafter -iprefix -iwithprefix -iwithprefixbefore ' +
    '-isysroot -imultilib -imultiarch -MF -MT -MQ -Xlinker -Xassembler -Xpreprocessor -Xclang -mllvm --param -param -aux-info -arch ' +
    '-target --target --sysroot -dumpbase -dumpbase-ext -dumpdir -wrapper -framework -Ttext -Tdata -Tbss -Ttext-segment -h -R ' +
    '-rpath -plugin --include --define-macro --undefine-macro --include-directory --library-directory --output --language ' +
    '-gcc-toolchain -Wa-arg -fplugin-arg -working-directory -specs --specs --prefix --for-assembler --for-linker --imacros --dumpbase ' +
    '-MJ -serialize-diagnostics --serialize-diagnostics -gen-cdb-fragment-path -index-store-path -Xanalyzer -Xopenmp-target -Xarch_host ' +
    '-Xarch_device -iwithsysroot -cxx-isystem -iframework -ivfsoverlay -include-pch'
  ).split(' '),
);

/** Flags after which no object is made. */
const OTHER_GOAL =
  /^(-E|-M|-MM|-fsyntax-only|--help.*|--version|--target-help|-dump(machine|version|specs|fullversion)|-print-.*|--print-.*|-###|-no-canonical-prefixes-query|-emit-llvm|-emit-ast|--preprocess|-qversion|-V)$/;

/** Most response files of one command line, those within others included (libiberty, `expandargv`). */
const MOST_RESPONSE_FILES = 2000;

/**
 * Replaces `@file` by the words in the file; one that cannot be read stays a word, as with gcc.
 * @throws MelfError for a folder, and for files that name each other without an end
 */
export function expandResponseFiles(words: readonly string[]): string[] {
  const done: string[] = [];
  // The next word is the last one.
  const left = words.toReversed();
  let count = 0;
  for (let word = left.pop(); word !== undefined; word = left.pop()) {
    const text = word.startsWith('@') ? readResponseFile(word.slice(1)) : undefined;
    if (text === undefined) done.push(word);
    else if (++count < MOST_RESPONSE_FILES) for (const inner of splitWords(text).reverse()) left.push(inner);
    else {
      throw new MelfError('cc.response-files', `too many @-files: ${word} is number ${count}`, {
        hint: 'one of them names itself, or one that it is named by',
      });
    }
  }
  return done;
}

function readResponseFile(path: string): string | undefined {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    throw new MelfError('cc.response-files', `@${path} is a folder, not a file of words`);
  try {
    return decodeWords(readFileSync(path));
  } catch {
    return undefined;
  }
}

/** Whether sources of a language are compiled once for each variant. Assembly is what it is. */
export function isVariantLanguage(language: string): boolean {
  return !language.startsWith('assembler') && !language.endsWith('header');
}

/** Reads a command line; response files must be expanded. */
export function readCommandLine(words: readonly string[]): CommandLine {
  const list: Argument[] = [];
  let output: string | undefined;
  let forced: string | undefined;
  let goal: Goal = 'executable';
  let isIncomplete = false;
  const rank: Readonly<Record<Goal, number>> = {
    executable: 0,
    relocatable: 1,
    shared: 1,
    object: 2,
    assembly: 3,
    other: 4,
  };
  const want = (next: Goal): void => {
    if (rank[next] > rank[goal]) goal = next;
  };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!word.startsWith('-') || word === '-') {
      const language = forced ?? LANGUAGES[extname(word)];
      list.push({
        kind: 'input',
        path: word,
        language: word === '-' ? (forced ?? 'c') : language,
        forced: forced !== undefined,
      });
      continue;
    }
    if (word.startsWith('-o') && word !== '-object' && !/^-o(bjc|penmp)/.test(word)) {
      isIncomplete = word === '-o' && i + 1 === words.length;
      output = word === '-o' ? words[++i] : word.slice(2);
      continue;
    }
    if (word === '--output' || word.startsWith('--output=')) {
      isIncomplete = word === '--output' && i + 1 === words.length;
      output = word === '--output' ? words[++i] : word.slice('--output='.length);
      continue;
    }
    if (word === '-c' || word === '--compile') {
      want('object');
      continue;
    }
    if (word === '-S' || word === '--assemble') {
      want('assembly');
      continue;
    }
    if (OTHER_GOAL.test(word)) want('other');
    if (word === '-shared' || word === '--shared') want('shared');
    if (word === '-r') want('relocatable');
    isIncomplete = WITH_VALUE.has(word) && i + 1 === words.length;
    const flag = WITH_VALUE.has(word) && i + 1 < words.length ? [word, words[++i]!] : [word];
    if (/^(-x|--language$|--language=)/.test(word)) {
      const named = flag[1] ?? word.replace(/^(-x|--language=)/, '');
      forced = named === 'none' ? undefined : named;
      // Each input bears its language; what is handed on says it again where it is needed.
      continue;
    }
    list.push({ kind: 'flag', words: flag });
  }
  return { goal, arguments: list, output, isIncomplete };
}
