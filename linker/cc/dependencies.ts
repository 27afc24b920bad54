// Rules for make (GCC manual, "Preprocessor Options", -M and its like): they list what any variant includes.

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Argument } from './command-line.ts';

/** What a call says about rules. */
export interface Rules {
  /** `-M` and `-MM` write nothing else, `-MD` and `-MMD` beside the output; the shorter ones with headers of the system. */
  readonly kind: '-M' | '-MM' | '-MD' | '-MMD';
  /** Where to, when it is named. */
  readonly file: string | undefined;
  /** `-MP`: each header is a target, too. */
  readonly phony: boolean;
}

export const isDependencyFlag = (flag: readonly string[]): boolean => /^(-M|-Wp,-M)/.test(flag[0]!);

/** Reads those flags, also the preprocessor's own behind `-Wp,`; undefined when no rules are asked for. */
export function readRules(list: readonly Argument[]): Rules | undefined {
  let kind: Rules['kind'] | undefined;
  let [file, own]: (string | undefined)[] = [];
  let phony = false;
  for (const one of list) {
    if (one.kind !== 'flag' || !isDependencyFlag(one.words)) continue;
    const isOwn = one.words[0]!.startsWith('-Wp,');
    const words = isOwn ? one.words[0]!.split(',').slice(1) : one.words;
    for (const [i, word] of words.entries()) {
      if (/^-MM?D?$/.test(word) && !(kind === '-M' || kind === '-MM')) kind = word as Rules['kind'];
      // The preprocessor's -MD has the file as its value.
      if (isOwn && /^-MM?D$/.test(word)) own = words[i + 1];
      if (word.startsWith('-MF')) file = word.slice(3) || words[i + 1];
      if (word === '-MP') phony = true;
    }
  }
  return kind && { kind, file: file ?? own, phony };
}

/** Where the rules of a call go to; undefined: to the standard output. */
export function rulesFile({ kind, file }: Rules, output: string | undefined, source: string): string | undefined {
  if (file !== undefined) return file === '-' ? undefined : file;
  if (kind === '-M' || kind === '-MM') return output;
  const named = output === undefined ? basename(source) : output;
  return named.replace(/(\.[^./]*)?$/, '.d');
}

const unfolded = (text: string): string => text.replaceAll('\\\n', ' ');

const prerequisites = (text: string): string[] =>
  unfolded(text)
    .split('\n')
    .flatMap((line) => (/^[^#]*?:\s(.*)$/.exec(line)?.[1] ?? '').trim().split(/(?<!\\)\s+/))
    .filter((word) => word !== '');

export const targetOf = (text: string): string | undefined => /^(.*?):(\s|$)/m.exec(unfolded(text))?.[1];

/** Rules for what another variant's rules name besides; they go behind the default variant's. */
export function furtherRules(
  text: string,
  other: string,
  { phony }: Pick<Rules, 'phony'>,
  target = targetOf(text),
): string {
  const known = new Set(prerequisites(text));
  const more = prerequisites(other).filter((one) => !known.has(one));
  if (more.length === 0 || target === undefined) return '';
  return `${target}: ${more.join(' ')}\n${phony ? more.map((one) => `\n${one}:\n`).join('') : ''}`;
}

/** The same in files. */
export function addRules(file: string, other: string, rules: Rules, target?: string): void {
  if (!existsSync(other)) return;
  const more = furtherRules(readFileSync(file, 'utf8'), readFileSync(other, 'utf8'), rules, target);
  if (more !== '') appendFileSync(file, more);
}
