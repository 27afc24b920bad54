// .cache/ holds everything that can be had again:
//   <kind>/<name>-<key>/   a finished entry; it exists in full or not at all (built in tmp/, then renamed)
//   tmp/<pid>-<start>-*/   entries being built; those whose process is gone are removed
//   locks/                 one lock per entry, so that two runs started at once build it once
//   apt/, downloads/       state that tools extend themselves (see packages.ts)

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, ownIdentity, processStart } from './lock.mjs';
import { note, step } from './progress.ts';
import { projectRoot } from './project.ts';

export interface CacheOptions {
  /** Told as "waiting for ..." to a run that finds another one building the same. */
  readonly what?: string;
}

export interface Receipt<T> {
  read(): T | undefined;
  write(value: T): void;
}

/** A short hash over texts and bytes, each framed by its length so that no two different lists run together. */
export function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    hash.update(`${bytes.length}:`);
    hash.update(bytes);
  }
  return hash.digest('hex').slice(0, 16);
}

/** A folder of finished entries; the project's is `cache`, tests make their own. */
export class Cache {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** Where an entry is or will be. */
  path(kind: string, name: string): string {
    return join(this.root, kind, name);
  }

  has(kind: string, name: string): boolean {
    return existsSync(this.path(kind, name));
  }

  /** A folder that a tool keeps its own state in, as apt does; made when absent. */
  stateFolder(...names: string[]): string {
    const folder = join(this.root, ...names);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** A small JSON file beside the entries of `kind`, replaced in one step: what was found out and must not be asked of the network again. */
  receipt<T>(kind: string, name: string): Receipt<T> {
    const file = join(this.root, kind, `${name}.json`);
    return {
      read: () => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as T) : undefined),
      write: (value) => {
        mkdirSync(join(this.root, kind), { recursive: true });
        const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
        writeFileSync(draft, JSON.stringify(value, undefined, 2));
        renameSync(draft, file);
      },
    };
  }

  /** Runs `work` while no other process runs work under the same lock. */
  async locked<T>(name: string, work: () => Promise<T>, options: CacheOptions = {}): Promise<T> {
    const what = options.what ?? name;
    const release = await acquireLock(join(this.root, 'locks'), name, {
      what,
      onWait: ({ pid, what: theirs }) => {
        if (pid !== process.pid) note(`waiting for another run (process ${pid}): ${theirs}`);
      },
    });
    try {
      return await work();
    } finally {
      release();
    }
  }

  /**
   * Gives the entry's folder, building it first when it is not there. `build` fills an empty folder, which becomes the entry in one
   * rename when it returned; after a crash or Ctrl-C nothing half-built can be seen. The folder has the depth of the final
   * one below the root (`tmp/x` and `kind/x`), so relative links out of it hold in both places.
   */
  async entry(
    kind: string,
    name: string,
    build: (folder: string) => Promise<void>,
    options: CacheOptions = {},
  ): Promise<string> {
    const final = this.path(kind, name);
    if (existsSync(final)) return final;
    return this.locked(
      `${kind}-${name}`,
      async () => {
        if (existsSync(final)) return final;
        await this.withTemporary(async (folder) => {
          await build(folder);
          mkdirSync(join(this.root, kind), { recursive: true });
          renameSync(folder, final);
        });
        return final;
      },
      options,
    );
  }

  /**
   * Gives what an entry was recorded with, making it first when the record or the entry is missing: for entries whose name is only known
   * after asking the network. `fetch` runs as one step of the set-up, in one process at a time, and builds the entry that its result names.
   */
  async recorded<T extends { readonly entry: string }>(
    kind: string,
    name: string,
    label: string,
    fetch: () => Promise<T>,
  ): Promise<T> {
    const receipt = this.receipt<T>(kind, name);
    const present = (): T | undefined => {
      const known = receipt.read();
      return known !== undefined && this.has(kind, known.entry) ? known : undefined;
    };
    const make = async (): Promise<T> => {
      const made = await step(label, fetch);
      receipt.write(made);
      return made;
    };
    return present() ?? this.locked(`${kind}-${name}`, async () => present() ?? make(), { what: label });
  }

  /** Runs `work` with an empty folder inside the cache, removed afterwards. */
  async withTemporary<T>(work: (folder: string) => Promise<T>): Promise<T> {
    this.removeStaleTemporaries();
    const { pid, start } = ownIdentity();
    const folder = join(this.root, 'tmp', `${pid}-${start}-${randomBytes(4).toString('hex')}`);
    mkdirSync(folder, { recursive: true });
    try {
      return await work(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Removes what killed processes left in tmp/. */
  removeStaleTemporaries(): void {
    const tmp = join(this.root, 'tmp');
    if (!existsSync(tmp)) return;
    for (const entry of readdirSync(tmp)) {
      const [pid = '', start] = entry.split('-');
      if (processStart(Number(pid)) !== start) rmSync(join(tmp, entry), { recursive: true, force: true });
    }
  }
}

/** The project's cache. */
export const cache: Cache = new Cache(join(projectRoot, '.cache'));
