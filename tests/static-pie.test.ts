// Static-PIE multivariant programs in the sandbox: loaded at a bias, relocated by their own start-up code, in every variant.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { libmelfObject } from '../linker/cc/libmelf.ts';
import { TABLE_SPAN } from '../linker/elf.ts';
import { link } from '../linker/link.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { inProcess } from '../overlay/load-bias.ts';
import { OverlayManager } from '../overlay/manager.ts';
import { installMmview } from '../overlay/mmview.ts';
import { ensureGlibc } from '../setup/glibc.ts';
import { ensureToolchain, type Isa } from '../setup/toolchain.ts';

const source = join(import.meta.dirname, 'static-pie/program.c');
const headers = join(import.meta.dirname, '../overlay/guest/libmelf');
const VARIANTS = ['one', 'two'];

interface Library {
  readonly cc: readonly string[];
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** undefined: the machine has no glibc for the ISA and cannot fetch one. */
async function libraryOf(isa: Isa, libc: 'musl' | 'glibc'): Promise<Library | undefined> {
  if (libc === 'glibc') {
    const glibc = await ensureGlibc(isa);
    return glibc && { cc: glibc.cc, before: glibc.firstOfPie, after: glibc.last };
  }
  const { cc, crt, libc: archive, libgcc } = await ensureToolchain(isa);
  return { cc, before: [join(dirname(crt.crt1), 'rcrt1.o'), crt.crti], after: [archive, libgcc, crt.crtn] };
}

const run = (argv: readonly string[]): string | undefined => {
  const { status, stdout } = spawnSync(argv[0]!, argv.slice(1), { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
};

/** What the program prints, by the variant of each of its eight calls: four of a thread, four of main. */
function expected(variants: readonly number[]): string {
  const lines = variants.map((variant, call) => {
    const value = call + 1 + 7 + (call % 4) + 1000 + variant * 100;
    return `variant ${variant}: ${call % 2 === 0 ? value : -value}\n`;
  });
  return lines.join('');
}
const ALL = (variant: number): number[] => new Array<number>(8).fill(variant);

for (const isa of ['x86-64', 'aarch64'] as const) {
  for (const libc of ['musl', 'glibc'] as const) {
    describe(`static-PIE on ${libc}, ${isa}`, function () {
      this.timeout(120_000);
      let folder: string;
      let elf: Uint8Array;

      before(async function () {
        folder = mkdtempSync(join(tmpdir(), 'melf-pie-'));
        const library = await libraryOf(isa, libc);
        if (library === undefined) return skipBecause(this, 'glibc for this instruction set is not to be had');
        const { cc, before, after } = library;
        const compile = (name: string, flags: readonly string[]): string => {
          const object = join(folder, `${name}.o`);
          const all = ['-fPIE', '-ffunction-sections', '-fdata-sections', '-fno-ipa-ra', `-I${headers}`, ...flags];
          assert.ok(run([...cc, ...all, '-c', source, '-o', object]) !== undefined, name);
          return object;
        };
        const variant = (index: number, level: string) => ({
          path: compile(VARIANTS[index]!, [level, `-DVARIANT=${index}`]),
          variant: VARIANTS[index]!,
          unit: 'program',
        });
        const common = [...before, compile('main', ['-O1']), libmelfObject(cc)].map((path) => ({ path }));
        const inputs = [...common, variant(0, '-O2'), variant(1, '-O0'), ...after.map((path) => ({ path }))];
        elf = link({ inputs, variants: VARIANTS.map((name) => ({ name })), pie: true, gcSections: true }).bytes;
      });
      after(() => rmSync(folder, { recursive: true, force: true }));

      const inSandbox = async (
        args: readonly string[],
        env: readonly string[],
        prepare: (guest: ReturnType<Machine['spawn']>) => void = () => undefined,
      ): Promise<string> => {
        let output = '';
        const keep = (bytes: Uint8Array): void => {
          output += Buffer.from(bytes).toString('latin1');
        };
        const machine = await Machine.create({
          description: loadMachine('uniform-2', isa),
          ramBytes: 256 * 2 ** 20,
          extensions: [installMmview],
          console: { stdout: keep, stderr: keep },
        });
        const guest = machine.spawn(elf, { argv: ['program', ...args], env });
        prepare(guest);
        machine.run({ maxInstructions: 100e6, maxTime: 60e9 });
        machine.close();
        assert.equal(guest.exitCode, 0, output);
        return output;
      };

      it('runs, its window in page tables of its own wherever it was put', async () => {
        const output = await inSandbox([], [], (guest) => {
          const there = inProcess(guest, readMelf(elf));
          assert.ok(there.bias > 0x10_0000_0000);
          assert.equal(there.bias % TABLE_SPAN, 0);
          assert.equal(there.melf!.windowVa % TABLE_SPAN, 0);
        });
        assert.equal(output, expected(ALL(0)));
      });

      it('runs in the variant that MELF_VARIANT names, and switches thread by thread (libmelf)', async () => {
        assert.equal(await inSandbox([], ['MELF_VARIANT=two']), expected(ALL(1)));
        // The thread ends in variant one; main stays where it is.
        assert.equal(await inSandbox(['switch'], []), expected([1, 0, 1, 0, 0, 0, 0, 0]));
        assert.equal(await inSandbox(['switch'], ['MELF_VARIANT=two']), expected([1, 0, 1, 0, 1, 1, 1, 1]));
      });

      if (isa === 'x86-64' && process.arch === 'x64') {
        it('does so natively, where the kernel has no views', () => {
          const path = join(folder, 'program');
          writeFileSync(path, elf, { mode: 0o755 });
          assert.equal(spawnSync(path, { encoding: 'utf8' }).stdout, expected(ALL(0)));
          const env = { MELF_VARIANT: 'two' } as NodeJS.ProcessEnv;
          assert.equal(spawnSync(path, { encoding: 'utf8', env }).stdout, expected(ALL(1)));
        });
      }

      it('runs in the variant that a manager outside gives it', async () => {
        const output = await inSandbox([], [], (guest) => {
          const manager = new OverlayManager(guest, readMelf(elf));
          for (const thread of guest.threads.values()) manager.switch(thread, 1);
        });
        assert.equal(output, expected(ALL(1)));
      });
    });
  }
}
