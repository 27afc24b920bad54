// Assembly of all variants in one file, for a build that compiles by `-S` and then `-c`: the default variant's text, and after it the other
// ones in a comment, which every assembler skips.

import { createHash } from 'node:crypto';
import { decodeFat, encodeFat, type FatVariant } from '../fat-object.ts';

const BEGIN = '\n/* melf-cc: the other variants ';
const END = ' */\n';

/** Tells text that was edited from the one that the variants belong to. */
const digestOf = (text: Uint8Array): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** What goes after the default variant's text; `object` of a variant is its assembly. */
export function encodeAssembly(text: Uint8Array, variants: readonly FatVariant[]): string {
  return `${BEGIN}${digestOf(text)} ${Buffer.from(encodeFat(variants)).toString('base64')}${END}`;
}

/**
 * The variants in a file of assembly, each with its text; undefined when melf-cc did not put any there; `edited` when the text is not
 * the one that it put them behind, so that they no longer belong to it.
 */
export function decodeAssembly(bytes: Uint8Array, where: string): FatVariant[] | 'edited' | undefined {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const at = all.lastIndexOf(BEGIN);
  const end = all.indexOf(END, at);
  if (at < 0 || end < 0) return undefined;
  const [digest, stored] = all.toString('latin1', at + BEGIN.length, end).split(' ');
  const text = Buffer.concat([all.subarray(0, at), all.subarray(end + END.length)]);
  if (stored === undefined || digest !== digestOf(text)) return 'edited';
  return decodeFat(Buffer.from(stored, 'base64'), where)[0];
}
