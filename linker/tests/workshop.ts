// Compiles small programs for one ISA, links them with our linker, and runs them: natively where this machine can, else in the sandbox.

import { spawnSync } from 'node:child_process';

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { ensureToolchain, type Isa, type Toolchain } from '../../setup/toolchain.ts';
import type { LinkResult } from '../link.ts';
import { link } from '../link.ts';
import type { MelfFile } from '../melf-reader.ts';
import { readMelf } from '../melf-reader.ts';
import type { LinkInput, LinkOptions } from '../options.ts';

/** What a program did. */
export interface Run {
  readonly output: string;
  readonly status: number | null;
  readonly signal: string | null;
}

/** Options of a compile that every test wants: one section for each function and object, fixed addresses. */
export const PLAIN_FLAGS = ['-O2', '-ffunction-sections', '-fdata-sections', '-fno-pie', '-fno-stack-protector'];

/** The overlay manager as the paper's authors publish it in spirit: puts another variant's bytes into the window. */
export const MANAGER = `
#include <fcntl.h>
#include <unistd.h>
#include <sys/mman.h>
struct genmeta { size_t size_struct, size_segment, num_segments; unsigned long va, offsets[]; };
extern const struct genmeta genmeta_start;
void apply(int v) {
  const struct genmeta *g = &genmeta_start;
  int fd = open("/proc/self/exe", O_RDONLY);
  mprotect((void *)g->va, g->size_segment, PROT_READ | PROT_WRITE | PROT_EXEC);
  if (pread(fd, (void *)g->va, g->size_segment, g->offsets[v]) != (long)g->size_segment) _exit(99);
  mprotect((void *)g->va, g->size_segment, PROT_READ | PROT_EXEC);
  __builtin___clear_cache((char *)g->va, (char *)g->va + g->size_segment);
  close(fd);
}
`;

/** A temporary folder with a guest compiler. */
export class Workshop {
  readonly folder: string;
  readonly toolchain: Toolchain;

  private constructor(toolchain: Toolchain) {
    this.toolchain = toolchain;
    this.folder = mkdtempSync(join(tmpdir(), 'melf-linker-'));
  }

  static async open(isa: Isa = 'x86-64'): Promise<Workshop> {
    return new Workshop(await ensureToolchain(isa));
  }

  /** Whether this machine executes the programs itself. */
  get isNative(): boolean {
    return process.arch === (this.toolchain.isa === 'x86-64' ? 'x64' : 'arm64');
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Compiles C (or, by the name's ending, C++ or assembly) and gives the object's path. */
  compile(name: string, source: string, flags: readonly string[] = PLAIN_FLAGS): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, source);
    const object = `${path.replace(/\.[^.]+$/, '')}.o`;
    this.tool(this.toolchain.cc[0]!, [...this.toolchain.cc.slice(1), ...flags, '-c', path, '-o', object]);
    return object;
  }

  /** The path of a program of GNU's binutils for the guest's ISA, as `ld` or `objdump`. */
  binutil(name: string): string {
    return this.toolchain.objcopy.replace(/objcopy$/, name);
  }

  /** Makes an archive. */
  archive(name: string, objects: readonly string[]): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    this.tool(this.toolchain.ar, ['rcs', path, ...objects]);
    return path;
  }

  /** Runs a program of the host and gives what it printed; fails when the program fails. */
  tool(program: string, args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Links with musl's start-up files and libc around the given inputs. */
  link(inputs: readonly LinkInput[], options: Partial<LinkOptions> = {}): LinkResult {
    return link({ ...options, inputs: this.inputs(inputs) });
  }

  /** The path of what GNU ld makes of the given objects between the same files. */
  linkWithLd(name: string, objects: readonly string[], flags: readonly string[] = []): string {
    const { crt, libc, libgcc } = this.toolchain;
    const path = join(this.folder, name);
    const before = ['-static', ...flags, '-o', path, crt.crt1, crt.crti];
    const after = ['--start-group', libc, libgcc, '--end-group', crt.crtn];
    this.tool(this.binutil('ld'), [...before, ...objects, ...after]);
    return path;
  }

  inputs(inputs: readonly LinkInput[]): LinkInput[] {
    const { crt, libc, libgcc } = this.toolchain;
    const before = [crt.crt1, crt.crti].map((path) => ({ path }));
    const after = [libc, libgcc, crt.crtn].map((path) => ({ path }));
    return [...before, ...inputs, ...after];
  }

  /** Links variants of one source, `main` and the manager; units pair by the file's name in each variant's folder. */
  variants(
    variants: Readonly<Record<string, readonly string[]>>,
    common: readonly string[],
    options: Partial<LinkOptions> = {},
  ): LinkResult {
    const manager = this.compile('manager.c', MANAGER);
    const own = Object.entries(variants).flatMap(([variant, paths]) => paths.map((path) => ({ path, variant })));
    const names = Object.keys(variants).map((name) => ({ name }));
    const inputs = [...own, ...[...common, manager].map((path) => ({ path }))];
    return this.link(inputs, { gcSections: true, variants: names, ...options });
  }

  /** Compiles one source once for each set of flags, into a folder of that name. */
  compileVariants(
    name: string,
    source: string,
    flags: Readonly<Record<string, readonly string[]>>,
  ): Record<string, string[]> {
    return Object.fromEntries(
      Object.entries(flags).map(([variant, own]) => [
        variant,
        [this.compile(`${variant}/${name}`, source, [...PLAIN_FLAGS, ...own])],
      ]),
    );
  }

  write(name: string, bytes: Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, bytes);
    chmodSync(path, 0o755);
    return path;
  }

  /** Runs a linked program. */
  async run(result: Pick<LinkResult, 'bytes'>, args: readonly string[] = []): Promise<Run> {
    if (!this.isNative) return this.#runInSandbox(result.bytes, args);
    const path = this.write('program', result.bytes);
    const { stdout, stderr, status, signal } = spawnSync(path, args, { encoding: 'utf8', timeout: 20_000 });
    return { output: `${stdout}${stderr}`, status, signal };
  }

  async #runInSandbox(bytes: Uint8Array, args: readonly string[]): Promise<Run> {
    let output = '';
    const keep = (text: Uint8Array): void => {
      output += Buffer.from(text).toString();
    };
    const machine = await Machine.create({
      description: loadMachine('uniform-2', this.toolchain.isa),
      ramBytes: 256 * 2 ** 20,
      console: { stdout: keep, stderr: keep },
    });
    const guest = machine.spawn(bytes, { argv: ['program', ...args] });
    machine.run({ maxInstructions: 50e6, maxTime: 10e9 });
    machine.close();
    return { output, status: guest.exitCode ?? null, signal: null };
  }
}

/** Reads a result back as every other user of the file does. */
export function reread(result: Pick<LinkResult, 'bytes'>): MelfFile {
  return readMelf(result.bytes, 'the result');
}
