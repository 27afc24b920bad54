// How melf-cc tells of problems: as compilers do, each with the program's name before it, or as one JSON object a line.

import type { MelfError } from '../../base/errors.ts';
import { type Diagnostic, diagnosticsOf, formatDiagnostic, LinkError } from '../errors.ts';
import { tell } from './tell.ts';

/**
 * Whether `--diagnostics=json` is among the words of a compiler or of a linker. Asked before either is read, since what is wrong with their
 * other words is told in that form, too.
 */
export function asksForJson(words: readonly string[]): boolean {
  const list = words.filter((word) => word !== '-Xlinker').flatMap((word) => word.replace(/^-Wl,/, '').split(','));
  const forms = list.flatMap(
    (word, i) =>
      /^--?diagnostics(?:=(.*))?$/
        .exec(word)
        ?.slice(1)
        .map((form) => form ?? list[i + 1]) ?? [],
  );
  return forms.at(-1) === 'json';
}

/** Writes problems to stderr. */
export function report(problems: readonly Diagnostic[], json: boolean): void {
  for (const one of problems) {
    // The code in brackets ends the first line, where a terminal shows it beside what is wrong.
    const message = one.severity === 'note' ? one.message : `${one.message} [${one.code}]`;
    const [first, ...rest] = formatDiagnostic({ ...one, message }).split('\n');
    const text = json ? JSON.stringify(one) : [`melf-cc: ${first}`, ...rest].join('\n');
    tell(`${text}\n`);
  }
}

/** The same for an error that ends the call. */
export function reportError(error: MelfError, json: boolean): void {
  const problems = diagnosticsOf(error);
  if (json || (error instanceof LinkError && error.diagnostics.length > 0)) {
    report(
      problems.filter(({ severity }) => json || severity !== 'warning'),
      json,
    );
    return;
  }
  const { code, message, hint } = error;
  tell(`melf-cc: error: ${message} [${code}]\n${hint === undefined ? '' : `melf-cc: hint: ${hint}\n`}`);
}
