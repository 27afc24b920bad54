import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MelfError } from '../base/errors.ts';

/** What the file of a command or of a scenario exports: it gets the arguments after its name and gives the exit code. */
export interface Body {
  main(args: string[]): Promise<number>;
}

/** The folder above cli/: the project's, or dist/. */
const codeRoot = join(import.meta.dirname, '..');
const ending = extname(import.meta.filename);

/** Loads a file that exports `main`; `file` counts from the project's folder and has no ending. */
export async function loadBody(file: string): Promise<Body> {
  const path = join(codeRoot, `${file}${ending}`);
  if (!existsSync(path))
    throw new MelfError('cli.no-body', `${file}${ending} is not there`, { hint: 'Restore it from git.' });
  return (await import(pathToFileURL(path).href)) as Body;
}

/** The scenarios: the folders with a scenario file. */
export function scenarioNames(folder: string = join(codeRoot, 'scenarios')): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, `scenario${ending}`)))
    .sort();
}
