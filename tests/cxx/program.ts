// C++ programs on glibc and libstdc++, built by melf-c++ from sources in folders beside this file, in the sandbox and outside of it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type MelfFile, readMelf } from '../../linker/melf-reader.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { ensureCrossToolchain } from '../../setup/cross-toolchain.ts';
import { hostArchitecture } from '../../setup/packages.ts';
import type { Isa } from '../../setup/toolchain.ts';

export interface CxxSources {
  /** Folder with the sources. */
  readonly folder: string;
  readonly common: readonly string[];
  readonly multivariant: readonly string[];
  /** Flags by variant, the default first. */
  readonly variants: Readonly<Record<string, string>>;
  readonly flags: readonly string[];
}

/** A built program. */
export class CxxProgram {
  readonly isa: Isa;
  readonly file: MelfFile;
  readonly #folder: string;

  private constructor(isa: Isa, folder: string) {
    this.isa = isa;
    this.#folder = folder;
    this.file = readMelf(readFileSync(join(folder, 'program')));
  }

  static async build(isa: Isa, sources: CxxSources): Promise<CxxProgram> {
    const { gcc, gxx } = await ensureCrossToolchain(isa);
    const folder = mkdtempSync(join(tmpdir(), 'melf-cxx-'));
    cpSync(join(import.meta.dirname, sources.folder), folder, { recursive: true });
    const variants = Object.entries(sources.variants).map(
      ([name, flags]) => `[[variant]]\nname = "${name}"\nflags = '${flags} -DNAME="\\"${name}\\""'\n`,
    );
    const compilers = `[compiler]\nc = ["${gcc}"]\ncxx = ["${gxx}"]\n`;
    const common = `[common]\nsources = ${JSON.stringify(sources.common)}\n`;
    writeFileSync(join(folder, 'melf.toml'), `${compilers}${variants.join('')}${common}`);
    const compiler = join(import.meta.dirname, '../../linker/cc/melf-c++.cjs');
    const headers = `-I${join(import.meta.dirname, '../../overlay/guest/libmelf')}`;
    const args = [...sources.flags, headers, ...sources.common, ...sources.multivariant, '-o', 'program'];
    const { status, stderr } = spawnSync(process.execPath, [compiler, ...args], { cwd: folder, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    return new CxxProgram(isa, folder);
  }

  async inSandbox(args: readonly string[], env: readonly string[] = []): Promise<string> {
    let output = '';
    const keep = (bytes: Uint8Array): void => {
      output += Buffer.from(bytes).toString('latin1');
    };
    const machine = await Machine.create({
      description: loadMachine('uniform-2', this.isa),
      ramBytes: 512 * 2 ** 20,
      extensions: [installMmview],
      console: { stdout: keep, stderr: keep },
    });
    const guest = machine.spawn(readFileSync(join(this.#folder, 'program')), { argv: ['program', ...args], env });
    machine.run({ maxInstructions: 400e6, maxTime: 60e9 });
    machine.close();
    assert.equal(guest.exitCode, 0, output);
    return output;
  }

  /** Whether this machine executes the program itself. */
  get isNative(): boolean {
    return (this.isa === 'x86-64') === (hostArchitecture() === 'amd64');
  }

  /** What the program prints outside of the sandbox, or undefined where neither this machine nor a user-mode qemu can execute it. */
  outside(args: readonly string[], env: Readonly<Record<string, string>> = {}): string | undefined {
    const emulator = findProgram(`qemu-${this.isa === 'x86-64' ? 'x86_64' : this.isa}`);
    if (!this.isNative && emulator === undefined) return undefined;
    const words = [...(this.isNative ? [] : [emulator!]), join(this.#folder, 'program'), ...args];
    const { stdout, stderr, status } = spawnSync(words[0]!, words.slice(1), {
      encoding: 'utf8',
      env: env as NodeJS.ProcessEnv,
    });
    assert.equal(status, 0, stderr);
    return stdout;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
