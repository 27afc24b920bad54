// Calls that only preprocess, or only make rules: their output is the default variant's, the rules are all variants'.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Argument, type CommandLine, isVariantLanguage } from './command-line.ts';
import { compileWords, isPlainFile, projectFlags } from './compile.ts';
import type { Configuration } from './configuration.ts';
import { addRules, furtherRules, isDependencyFlag, readRules, rulesFile, targetOf } from './dependencies.ts';
import { runTool } from './process.ts';
import { makeScratch } from './scratch.ts';
import { tell } from './tell.ts';

type Source = Argument & { kind: 'input' };

interface Job {
  /** The call as the default variant's. */
  readonly command: readonly string[];
  readonly compiler: readonly string[];
  readonly configuration: Configuration;
  readonly line: CommandLine;
}

/** Runs it; gives the exit code. */
export function runForRules({ command, compiler, configuration, line }: Job): number {
  const rules = readRules(line.arguments)!;
  const sources = line.arguments.filter(
    (one): one is Source =>
      one.kind === 'input' &&
      one.language !== undefined &&
      isVariantLanguage(one.language) &&
      configuration.isMultivariant(one.path),
  );
  const input = sources.some(({ path }) => path === '-') ? readFileSync(0) : undefined;
  const isAlone = rules.kind === '-M' || rules.kind === '-MM';
  const fileOf = (source: Source): string | undefined => rulesFile(rules, line.output, source.path);
  const toOutput = isAlone && sources.some((one) => fileOf(one) === undefined);
  const { code, stdout } = runTool(command, { input, quiet: toOutput ? 'stdout' : false });
  tell(stdout, 1);
  if (code !== 0 || sources.length === 0 || configuration.variants.length === 1) return code;
  const scratch = makeScratch(process.env);
  try {
    const own = join(scratch, 'rules');
    for (const source of sources) {
      const file = fileOf(source);
      if (file !== undefined && !isPlainFile(file)) continue;
      if (file === undefined && !toOutput) continue;
      for (const { name, flags } of configuration.variants.slice(1)) {
        const extra = [...projectFlags(compiler, configuration, source.language!), ...flags];
        const words = compileWords(line.arguments, source, extra, { adapt: (flag) => (isKept(flag) ? flag : []) });
        rmSync(own, { force: true });
        const made = runTool([...compiler, ...words, isAlone ? rules.kind : rules.kind.slice(0, -1), '-MF', own], {
          input,
          quiet: true,
        });
        if (made.code !== 0) {
          tell(
            `${made.stderr}melf-cc: ${source.path} can be preprocessed as the default variant, but not as ${name}\n`,
          );
          return made.code;
        }
        if (!existsSync(own)) continue;
        const other = readFileSync(own, 'utf8');
        const target = isAlone ? targetOf(other) : undefined;
        if (file === undefined) tell(furtherRules(stdout, other, rules, target), 1);
        else addRules(file, own, rules, target);
      }
    }
    return 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Names of targets stay, and what is to be done about missing headers. */
const isKept = ([flag]: readonly string[]): boolean =>
  !/^(-E|-S|-P|-d.*|--preprocess)$/.test(flag!) && (!isDependencyFlag([flag!]) || /^-M[TQG]/.test(flag!));
