import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const programs = join(import.meta.dirname, 'io');

/** Runs a program in the machine, in an empty directory; returns what it printed and how it ended. */
async function emulate(isa: Isa, elf: Uint8Array): Promise<{ output: string; code: number | undefined }> {
  const printed: Uint8Array[] = [];
  const keep = (bytes: Uint8Array) => printed.push(bytes);
  const machine = await Machine.create({
    description: loadMachine('uniform-4', isa),
    console: { stdout: keep, stderr: keep },
  });
  const process = machine.spawn(elf, { argv: ['/bin/program'] });
  process.fs.cwd = machine.files.mount('/empty', (parent, name) => machine.files.memoryDirectory(parent, name));
  machine.run({ maxInstructions: 500e6, maxTime: 60e9 });
  machine.close();
  return { output: Buffer.concat(printed).toString(), code: process.exitCode };
}

describe('programs that use files, pipes and sockets, natively and emulated', function () {
  this.timeout(120_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-io-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function compile(source: string, isa: Isa): Promise<string> {
    const { wrapper } = await ensureToolchain(isa);
    const program = join(folder, `${basename(source, '.c')}-${isa}`);
    execFileSync(wrapper, ['-O1', '-static', '-no-pie', '-w', '-o', program, join(programs, source)]);
    return program;
  }

  const sources = readdirSync(programs).filter((name) => name.endsWith('.c'));
  for (const source of sources) {
    it(`${basename(source, '.c')} prints the same on both ISAs`, async () => {
      const program = await compile(source, 'x86-64');
      const cwd = mkdtempSync(join(folder, 'cwd-'));
      const native = spawnSync(program, { cwd, input: '', timeout: 60_000 });
      const expected = native.stdout.toString();
      assert.equal(native.status, 0, expected);
      assert.ok(expected.split('\n').length > 50, 'the native run said little');
      for (const isa of ['x86-64', 'aarch64'] as const) {
        const { output, code } = await emulate(isa, readFileSync(await compile(source, isa)));
        assert.deepEqual(output.split('\n'), expected.split('\n'), isa);
        assert.equal(code, 0);
      }
    });
  }
});
