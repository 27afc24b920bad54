// One source to one object: the real compiler runs once for each variant.

import { appendFileSync, existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addExcludedSection, encodeFat, FAT_SECTION, type FatVariant } from '../fat-object.ts';
import { type Argument, isVariantLanguage } from './command-line.ts';
import type { Configuration, Variant } from './configuration.ts';
import { runTool } from './process.ts';

/** The compiler, what it gets, and where to. */
export interface Compile {
  readonly compiler: readonly string[];
  readonly configuration: Configuration;
  readonly arguments: readonly Argument[];
  /** The one of `arguments` to compile. */
  readonly source: Argument & { kind: 'input' };
  readonly output: string;
  /** Contents of the source when it is `-`. */
  readonly input: Uint8Array | undefined;
  readonly scratch: string;
}

/** So that the linker can move and compare functions and objects one by one. */
const SECTIONS = ['-ffunction-sections', '-fdata-sections'];
/**
 * gcc lets a caller rely on the registers that a callee of its own source leaves alone (-fipa-ra). With the callee replaced by another
 * variant's, or by another view's, that would be wrong.
 */
const gccOnly = ['-fno-ipa-ra'];
const isClang = (compiler: readonly string[]): boolean => compiler.some((word) => /clang/.test(word));

/** Flags of every compile of multivariant code. */
export function fixedFlags(compiler: readonly string[]): string[] {
  return isClang(compiler) ? SECTIONS : [...SECTIONS, ...gccOnly];
}

/** The words of one compile: every flag in its place, the other inputs left out, the variant's flags last. */
export function compileWords(
  list: readonly Argument[],
  source: Argument | undefined,
  extra: readonly string[],
  keep: (flag: readonly string[]) => boolean = () => true,
): string[] {
  const words = list.flatMap((one) => {
    if (one.kind === 'input') {
      if (one !== source) return [];
      return one.forced === true && one.language !== undefined ? ['-x', one.language, one.path] : [one.path];
    }
    return keep(one.words) ? one.words : [];
  });
  return [...words, ...extra];
}

const isDependencyFlag = (flag: readonly string[]): boolean => /^-M/.test(flag[0]!);

/** Compiles a source into a fat object; gives the exit code of the first compile that failed, or 0. */
export function compileSource(job: Compile): number {
  const { compiler, configuration, source, output, input } = job;
  const [first, ...others] = configuration.variants;
  const multivariant = source.language !== undefined && isVariantLanguage(source.language);
  const fixed = multivariant ? [...fixedFlags(compiler), ...configuration.compileFlags] : configuration.compileFlags;
  const words = (variant: Variant, target: string, keep?: (flag: readonly string[]) => boolean): string[] => {
    // What applies to assembly are the flags of the preprocessor, and those must not differ between variants.
    const own = multivariant ? [...fixed, ...variant.flags] : fixed;
    return [...compiler, ...compileWords(job.arguments, source, own, keep), '-c', '-o', target];
  };
  const { code } = runTool(words(first!, output), { input });
  if (code !== 0 || !multivariant || others.length === 0) return code;
  if (!configuration.isMultivariant(source.path) || !isPlainFile(output)) return 0;
  const base = readFileSync(output);
  const variants: FatVariant[] = [{ name: first!.name, flags: first!.flags.join(' '), object: undefined }];
  for (const [i, variant] of others.entries()) {
    const target = join(job.scratch, `${i}.o`);
    const dependencies = dependencyFile(job);
    const own = dependencies === undefined ? [] : ['-MD', '-MF', `${target}.d`, '-MT', 'x'];
    const command = [...words(variant, target, (flag) => !isDependencyFlag(flag)), ...own];
    const result = runTool(command, { input, quiet: true });
    if (result.code !== 0) {
      process.stderr.write(
        `${result.stderr}melf-cc: ${source.path} compiles as variant ${first!.name}, but not as ${variant.name}\n`,
      );
      rmSync(output, { force: true });
      return result.code;
    }
    if (dependencies !== undefined) addDependencies(dependencies, `${target}.d`);
    const object = readFileSync(target);
    variants.push({
      name: variant.name,
      flags: variant.flags.join(' '),
      object: object.equals(base) ? undefined : object,
    });
  }
  // The same in all variants: it stays an ordinary object, and its functions common code.
  if (variants.every(({ object }) => object === undefined)) return 0;
  writeFileSync(output, addExcludedSection(base, FAT_SECTION, encodeFat(variants), output));
  return 0;
}

/** False for `/dev/null`, which a configure script gives when it only wants to know whether it compiles. */
function isPlainFile(path: string): boolean {
  return existsSync(path) && lstatSync(path).isFile();
}

/** Where `-MD` and its like write to, when they are given. */
function dependencyFile({ arguments: list, output }: Compile): string | undefined {
  const flags = list.flatMap((one) => (one.kind === 'flag' && isDependencyFlag(one.words) ? [one.words] : []));
  if (!flags.some(([name]) => name === '-MD' || name === '-MMD')) return undefined;
  const named = flags.findLast(([name]) => name!.startsWith('-MF'));
  const file = named === undefined ? output.replace(/(\.[^./]*)?$/, '.d') : (named[1] ?? named[0]!.slice(3));
  return existsSync(file) && lstatSync(file).isFile() ? file : undefined;
}

const prerequisites = (rule: string): string[] =>
  rule
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => (/^[^#]*?:\s(.*)$/.exec(line)?.[1] ?? '').trim().split(/(?<!\\)\s+/))
    .filter((word) => word !== '');

/** A file that only another variant includes is one more prerequisite of the object. */
function addDependencies(file: string, other: string): void {
  const text = readFileSync(file, 'utf8');
  const known = new Set(prerequisites(text));
  const more = prerequisites(readFileSync(other, 'utf8')).filter((one) => !known.has(one));
  const target = /^(.*?):(\s|$)/m.exec(text.replaceAll('\\\n', ' '))?.[1];
  if (more.length > 0 && target !== undefined) appendFileSync(file, `${target}: ${more.join(' ')}\n`);
}
