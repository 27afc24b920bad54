// Words of a command line are bytes; Node makes texts of them, in which what is not UTF-8 is lost. Here such a byte is a lone surrogate, U+DC00
// and the byte (as Python has it, PEP 383), and a program that is started gets it as it was.

import { isUtf8 } from 'node:buffer';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { onEnd } from './cleanups.ts';
import { makeScratch } from './scratch.ts';

const RAW = /(?<![\uD800-\uDBFF])[\uDC80-\uDCFF]/;

/** Whether a word has bytes that are not UTF-8. */
export const isRaw = (word: string): boolean => RAW.test(word);

/** The word for a person. */
export const shown = (word: string): string =>
  [...word].map((c) => (isRaw(c) ? `\\x${(c.charCodeAt(0) - 0xdc00).toString(16)}` : c)).join('');

/** @throws MelfError for the name of a file that Node could not open */
export function assertReadable(name: string): void {
  if (!isRaw(name) && !name.includes('\uFFFD')) return;
  throw new MelfError('cc.file-name', `${shown(name)}: the name is not UTF-8`, {
    hint: 'rename the file or its folder; what is no name of a file may have any bytes',
  });
}

/** The text of bytes that should be UTF-8. */
export function decodeWords(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at]!;
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const part = bytes.subarray(at, at + size);
    const isWhole = isUtf8(part);
    text += isWhole ? Buffer.from(part).toString() : String.fromCharCode(0xdc00 + lead);
    at += isWhole ? size : 1;
  }
  return text;
}

/** The bytes of a text, what was no UTF-8 included. */
export function encodeWord(word: string): Uint8Array {
  return Buffer.concat(
    [...word].map((c) => (isRaw(c) ? Buffer.from([c.charCodeAt(0) - 0xdc00]) : Buffer.from(c, 'utf8'))),
  );
}

/** This process's words, of which Node says `argv`. */
export function readArguments(argv: readonly string[]): readonly string[] {
  if (!argv.some((word) => word.includes('\uFFFD'))) return argv;
  const words: string[] = [];
  const bytes = readFileSync('/proc/self/cmdline');
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    words.push(decodeWords(bytes.subarray(at, end)));
    at = end + 1;
  }
  return words.slice(-argv.length);
}

let folder: string | undefined;
let count = 0;

/** Words for a compiler: each that Node cannot hand on is in a response file of its own. */
export function handedOn(argv: readonly string[]): readonly string[] {
  if (!argv.some(isRaw)) return argv;
  if (folder === undefined) {
    const made = makeScratch(process.env);
    folder = made;
    const clean = (): void => rmSync(made, { recursive: true, force: true });
    onEnd(clean);
    process.once('exit', clean);
  }
  return argv.map((word) => {
    if (!isRaw(word)) return word;
    const file = join(folder!, `${count++}`);
    writeFileSync(file, encodeWord(word.replace(/[\s"'\\]/g, '\\$&')));
    return `@${file}`;
  });
}
