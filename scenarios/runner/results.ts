// A scenario's results appear in one step: they are written beside their place and renamed into it. A run that fails or is interrupted leaves
// nothing, and nothing of an earlier run is touched.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { projectRoot } from '../../setup/project.ts';

/** Makes what is missing of `path`, one folder after the other: Node's recursive mkdir never returns below /proc. */
function makeFolders(path: string): void {
  if (existsSync(path)) return;
  makeFolders(dirname(path));
  mkdirSync(path);
}

const unusable = (path: string, cause?: unknown): MelfError =>
  new MelfError('results.place', `Results cannot be written to ${path === '' ? 'a folder without a name' : path}`, {
    facts: { reason: (cause as NodeJS.ErrnoException | undefined)?.code },
    hint: 'Give --out a folder that can be made, or leave it away: then they go below results/.',
    cause,
  });

const drafts = new Set<ResultFolder>();
process.once('exit', () => {
  for (const draft of drafts) draft.discard();
});

/** Where one run's results go, as a draft until they are complete. */
export class ResultFolder {
  #path: string;
  readonly #draft: string;
  #finished = false;

  private constructor(path: string) {
    this.#path = path;
    try {
      makeFolders(dirname(path));
      this.#draft = mkdtempSync(join(dirname(path), `.${basename(path)}.unfinished-`));
      chmodSync(this.#draft, 0o777 & ~process.umask()); // mkdtemp gives a private folder
    } catch (error) {
      throw unusable(path, error);
    }
    drafts.add(this);
  }

  /** The folder that `--out` names, or `results/<scenario>/<time and seed>`. */
  static create(scenario: string, label: string, out: string | undefined): ResultFolder {
    if (out !== undefined) {
      const path = resolve(out);
      if (out === '' || (existsSync(path) && !statSync(path).isDirectory())) throw unusable(out);
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
    let path = join(parent, `${time}-${label}`);
    for (let n = 2; existsSync(path); n++) path = join(parent, `${time}-${label}-${n}`);
    return new ResultFolder(path);
  }

  /** Where the results are, once they are published. */
  get path(): string {
    return this.#path;
  }

  /** A file that some other process may write into before the results are published. */
  file(name: string): string {
    return join(this.#draft, name);
  }

  write(name: string, content: string): void {
    writeFileSync(this.file(name), content);
  }

  /**
   * Makes the results visible. Should another run have taken the place meanwhile, they go beside it: rename(2) replaces a folder only if it is
   * empty.
   */
  publish(): void {
    const wanted = this.#path;
    for (let n = 2; ; n++) {
      try {
        renameSync(this.#draft, this.#path);
        break;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
        this.#path = `${wanted}-${n}`;
      }
    }
    this.#finished = true;
    drafts.delete(this);
  }

  discard(): void {
    if (!this.#finished) rmSync(this.#draft, { recursive: true, force: true });
    this.#finished = true;
    drafts.delete(this);
  }
}
