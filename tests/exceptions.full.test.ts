// C++ exceptions and backtraces on glibc and libstdc++, through the frames of each variant: the unwinder must take the tables of the variant that
// the thread executes. Both instruction sets; the compiler for the one that this machine does not have is fetched (about 200 MB unpacked).

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../base/command.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { installMmview } from '../overlay/mmview.ts';
import { ensureCrossToolchain } from '../setup/cross-toolchain.ts';
import { hostArchitecture } from '../setup/packages.ts';

const VARIANTS = {
  quick: '-O2 -DROOM=16',
  wide: '-O1 -fno-inline -fno-omit-frame-pointer -DROOM=3000',
  plain: '-O0 -DROOM=200',
};
const NAMES = Object.keys(VARIANTS);
const told = (name: string): string => `${name} again ${name}, out ${name}, kept ${name}, 0 open, 7 deeper\n`;
const headers = join(import.meta.dirname, '../overlay/guest/libmelf');

for (const isa of ['x86-64', 'aarch64'] as const) {
  for (const kind of ['-static', '-static-pie'] as const) {
    describe(`exceptions in every variant, glibc, ${isa}, ${kind}`, function () {
      this.timeout(300_000);
      let folder: string;
      let program: string;
      before(async () => {
        const { gcc, gxx } = await ensureCrossToolchain(isa);
        folder = mkdtempSync(join(tmpdir(), 'melf-exceptions-'));
        cpSync(join(import.meta.dirname, 'exceptions'), folder, { recursive: true });
        const compilers = `[compiler]\nc = ["${gcc}"]\ncxx = ["${gxx}"]\n`;
        const variants = Object.entries(VARIANTS).map(
          ([name, flags]) => `[[variant]]\nname = "${name}"\nflags = '${flags} -DNAME="\\"${name}\\""'\n`,
        );
        writeFileSync(join(folder, 'melf.toml'), `${compilers}${variants.join('')}[common]\nsources = ["main.cc"]\n`);
        const compiler = join(import.meta.dirname, '../linker/cc/melf-c++.cjs');
        const pie = kind === '-static-pie' ? ['-fPIE'] : ['-fno-pie'];
        const args = [compiler, kind, ...pie, '-pthread', `-I${headers}`, 'main.cc', 'work.cc', '-o', 'program'];
        const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
        assert.deepEqual([status, stderr], [0, '']);
        program = join(folder, 'program');
        const melf = readMelf(readFileSync(program));
        assert.equal(melf.isPie, kind === '-static-pie');
        assert.ok((melf.melf?.functions.length ?? 0) > 10);
      });
      after(() => rmSync(folder, { recursive: true, force: true }));

      const inSandbox = async (how: string, env: readonly string[] = []): Promise<string> => {
        let output = '';
        const keep = (bytes: Uint8Array): void => {
          output += Buffer.from(bytes).toString('latin1');
        };
        const machine = await Machine.create({
          description: loadMachine('uniform-2', isa),
          ramBytes: 512 * 2 ** 20,
          extensions: [installMmview],
          console: { stdout: keep, stderr: keep },
        });
        const guest = machine.spawn(readFileSync(program), { argv: ['program', how], env });
        machine.run({ maxInstructions: 400e6, maxTime: 60e9 });
        machine.close();
        assert.equal(guest.exitCode, 0, output);
        return output;
      };

      for (const name of NAMES) {
        it(`in the sandbox, as ${name}`, async () => {
          assert.equal(await inSandbox('stay', [`MELF_VARIANT=${name}`]), told(name));
        });
      }

      it('in the sandbox, where one thread goes from variant to variant', async () => {
        assert.equal(await inSandbox('switch'), [...NAMES, ...NAMES].map(told).join(''));
      });

      it('in the sandbox, where threads in different variants throw at the same time', async () => {
        assert.equal(await inSandbox('threads'), [...NAMES, ...NAMES].map(told).join(''));
      });

      it('outside of it, chosen at the start and switched as a process', function () {
        const own = (isa === 'x86-64') === (hostArchitecture() === 'amd64');
        const emulator = findProgram(`qemu-${isa === 'x86-64' ? 'x86_64' : isa}`);
        if (!own && emulator === undefined) {
          process.stderr.write(`      skipped: this machine has no user-mode qemu for ${isa}\n`);
          this.skip();
        }
        const start = own ? [program] : [emulator!, program];
        const outside = (how: string, variant: string): string =>
          spawnSync(start[0]!, [...start.slice(1), how], {
            encoding: 'utf8',
            env: { MELF_VARIANT: variant } as NodeJS.ProcessEnv,
          }).stdout;
        for (const name of NAMES) assert.equal(outside('stay', name), told(name));
        assert.equal(outside(own ? 'switch' : 'all', ''), [...NAMES, ...NAMES].map(told).join(''));
      });
    });
  }
}
