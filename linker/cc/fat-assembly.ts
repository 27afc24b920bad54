// Assembly of all variants in one file, for a build that compiles by `-S` and then `-c`: the default variant's text, and after it the other
// ones in a comment, which every assembler skips.

import { decodeFat, encodeFat, type FatVariant } from '../fat-object.ts';

const BEGIN = '\n/* melf-cc: the other variants ';
const END = ' */\n';

/** The text that goes after the default variant's; `object` of a variant is its assembly. */
export function encodeAssembly(variants: readonly FatVariant[]): string {
  return `${BEGIN}${Buffer.from(encodeFat(variants)).toString('base64')}${END}`;
}

/** The variants in a file of assembly, each with its text; undefined when melf-cc did not put any there. */
export function decodeAssembly(text: string, where: string): FatVariant[] | undefined {
  const at = text.lastIndexOf(BEGIN);
  const end = text.indexOf(END, at);
  if (at < 0 || end < 0) return undefined;
  return decodeFat(Buffer.from(text.slice(at + BEGIN.length, end), 'base64'), where)[0];
}
