// A scenario's results appear in one step: they are written beside their place and renamed into it. A run that fails or is interrupted leaves
// nothing, and nothing of an earlier run is touched.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MelfError } from '../../emulator/errors.ts';
import { projectRoot } from '../../setup/project.ts';

export class ResultFolder {
  /** Where the results will be. */
  readonly path: string;
  readonly #draft: string;
  #finished = false;

  private constructor(path: string) {
    this.path = path;
    this.#draft = join(dirname(path), `.${basename(path)}.${process.pid}.unfinished`);
    mkdirSync(this.#draft, { recursive: true });
    process.once('exit', () => this.discard());
  }

  /** The folder that `--out` names, or `results/<scenario>/<time and seed>`. */
  static create(scenario: string, label: string, out: string | undefined): ResultFolder {
    if (out !== undefined) {
      const path = resolve(out);
      if (existsSync(path) && readdirSync(path).length > 0) {
        throw new MelfError('results.exist', `The folder ${out} is not empty`, {
          hint: 'Results never replace earlier ones: name another folder, or remove this one.',
        });
      }
      return new ResultFolder(path);
    }
    const parent = join(projectRoot, 'results', scenario);
    const time = new Date()
      .toISOString()
      .replace(/\.\d+Z$/, '')
      .replaceAll(':', '-');
    const taken = (path: string): boolean => existsSync(path);
    let path = join(parent, `${time}-${label}`);
    for (let n = 2; taken(path); n++) path = join(parent, `${time}-${label}-${n}`);
    return new ResultFolder(path);
  }

  /** A file that some other process may write into before the results are published. */
  file(name: string): string {
    return join(this.#draft, name);
  }

  write(name: string, content: string): void {
    writeFileSync(this.file(name), content);
  }

  /** Makes the results visible. */
  publish(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    // An empty folder that the user made beforehand.
    if (existsSync(this.path)) rmSync(this.path, { recursive: true });
    renameSync(this.#draft, this.path);
    this.#finished = true;
  }

  discard(): void {
    if (!this.#finished) rmSync(this.#draft, { recursive: true, force: true });
    this.#finished = true;
  }
}
