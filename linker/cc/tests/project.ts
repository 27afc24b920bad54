// For tests: a folder with a melf.toml of two variants, in which melf-cc is called as gcc would be.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeFat, FAT_SECTION, sectionNamed } from '../../fat-object.ts';

const driver = join(import.meta.dirname, '..', 'melf-cc.cjs');

/** What a call came to. */
export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const SETTINGS = '[[variant]]\nname = "fast"\nflags = "-O2"\n[[variant]]\nname = "slow"\nflags = "-O0 -DSLOW"\n';

/** The variants are `fast` and `slow`; `SLOW` is defined in the latter. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'melf-cc-project-'));

  /** @param settings what stands before the variants in melf.toml */
  constructor(files: Readonly<Record<string, string>>, settings = '') {
    for (const [name, text] of Object.entries({ 'melf.toml': settings + SETTINGS, ...files })) this.file(name, text);
  }

  file(name: string, text: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** A program with its words, or one line for the shell, in which `$CC` is melf-cc. */
  run(
    words: readonly string[] | string,
    { env = {}, input }: { env?: NodeJS.ProcessEnv; input?: string } = {},
  ): Result {
    const [program, ...rest] = typeof words === 'string' ? ['bash', '-c', words] : words;
    return spawnSync(program!, rest, {
      cwd: this.folder,
      env: { ...process.env, CC: `${process.execPath} ${driver}`, LC_ALL: 'C', ...env },
      input,
      encoding: 'utf8',
      timeout: 60_000,
    });
  }

  cc(words: string, env?: NodeJS.ProcessEnv): Result {
    return this.run([process.execPath, driver, ...words.split(' ')], { env });
  }

  gcc(words: string): Result {
    return this.run(['gcc', ...words.split(' ')]);
  }

  /** Names of the variants in an object; undefined when it has none. */
  variantsOf(object: string): string[] | undefined {
    const fat = sectionNamed(readFileSync(join(this.folder, object)), FAT_SECTION);
    return fat && decodeFat(fat, object)[0]!.map(({ name }) => name);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
