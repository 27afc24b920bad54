// melf.toml: the variants of a project and what is multivariant in it.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { projectRoot } from '../../setup/project.ts';
import { globMatcher } from '../options.ts';
import { ConfigurationError } from './configuration-error.ts';
import { splitWords } from './words.ts';

/** Changes when the stored form does. */
const FORM = '3';
const store = join(projectRoot, '.cache', 'cc');

export interface Variant {
  readonly name: string;
  /** Added after the flags of the command line. */
  readonly flags: readonly string[];
}

/** What melf.toml says, checked. */
export interface ConfigurationData {
  /** The wrapped compilers with their fixed flags; absent: gcc and g++. */
  readonly c: readonly string[] | undefined;
  readonly cxx: readonly string[] | undefined;
  /** The default variant first. */
  readonly variants: readonly Variant[];
  readonly commonFunctions: readonly string[];
  /** Absent: all that are not common. */
  readonly multivariantFunctions: readonly string[] | undefined;
  readonly pageAlign: readonly string[];
  /** Writable data that not every variant has is an error. */
  readonly strictData: boolean;
  /** Flags for every compile and for every link. */
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** Whether programs get libmelf: MELF_VARIANT chooses the variant at start, melf_switch at any time. */
  readonly libmelf: boolean;
  /** Whether programs get the AddressSanitizer runtime, because a variant asked for it. */
  readonly asan: boolean;
  /** Patterns of sources, from the folder of melf.toml. */
  readonly commonSources: readonly string[];
  readonly multivariantSources: readonly string[] | undefined;
}

/** What holds for one call of the driver. */
export interface Configuration extends ConfigurationData {
  /** Path of melf.toml. */
  readonly file: string;
  readonly c: readonly string[];
  readonly cxx: readonly string[];
  /** Whether a source is compiled once for each variant. */
  isMultivariant(source: string): boolean;
}

/** The melf.toml that holds for a folder: `MELF_CONFIG`, or the nearest one upwards. */
export function findConfiguration(folder: string, environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment.MELF_CONFIG;
  if (named !== undefined && named !== '') return resolve(folder, named);
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, 'melf.toml');
    if (existsSync(file)) return file;
    if (dirname(at) === at) return undefined;
  }
}

/** Reads melf.toml. @throws ConfigurationError with line and column. */
export async function readConfiguration(file: string, environment: NodeJS.ProcessEnv): Promise<Configuration> {
  const data = await readData(file);
  const multivariant = data.multivariantSources?.map(wide);
  const chosen = multivariant === undefined ? () => true : globMatcher(multivariant);
  const kept = globMatcher(data.commonSources.map(wide));
  const home = dirname(file);
  const wrapped = (variable: string, fromFile: readonly string[] | undefined, usual: string): readonly string[] => {
    const fromEnvironment = environment[variable];
    return fromEnvironment ? splitWords(fromEnvironment) : (fromFile ?? [usual]);
  };
  return {
    ...data,
    file,
    c: wrapped('MELF_CC', data.c, 'gcc'),
    cxx: wrapped('MELF_CXX', data.cxx, 'g++'),
    isMultivariant: (source) => {
      const path = relative(home, resolve(source));
      return chosen(path) && !kept(path);
    },
  };
}

/** The checked contents, kept below .cache/cc/ under the text's hash. */
async function readData(file: string): Promise<ConfigurationData> {
  const text = readText(file);
  const kept = join(
    store,
    `configuration-${createHash('sha256').update(`${FORM}${text}`).digest('hex').slice(0, 24)}.json`,
  );
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as ConfigurationData;
  const { parseConfiguration } = await import('./configuration-file.ts');
  const data = parseConfiguration(text, file);
  mkdirSync(store, { recursive: true });
  const draft = `${kept}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(data));
  renameSync(draft, kept);
  return data;
}

/** `*` of a pattern does not stop at a folder, so that `getopt*.c` would not match below one; both spellings shall. */
const wide = (pattern: string): string => pattern.replaceAll('**/', '*');

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigurationError('cc.no-configuration', `${file} cannot be read`, {
      hint: 'MELF_CONFIG names the file; without it melf.toml is looked for in the working directory and above',
      cause,
    });
  }
}
