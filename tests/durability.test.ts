import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISK_FLUSH_NS } from '../emulator/linux/files/storage.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const source = join(import.meta.dirname, 'durability/writer.c');
const seeds = [1, 2, 3, 4, 5, 6];

/** What must be on the disk whenever the program said that it is done, and how often it waited for the disk. */
const lasting: Readonly<Record<string, number>> = {
  fsync: 1,
  fdatasync: 1,
  sync: 1,
  syncfs: 1,
  dsync: 1,
  o_sync: 1,
  pwritev2: 1,
  msync: 2,
  'rename and fsync': 2,
};
/** What may be lost, though the program goes on as if it were there. */
const fleeting: Readonly<Record<string, number>> = {
  nothing: 0,
  sync_file_range: 0,
  mapped: 1,
  'msync, asynchronous': 1,
  rename: 1,
};

describe('what survives a crash', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-durability-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const isa of ['x86-64', 'aarch64'] as const) {
    describe(isa, () => {
      let elf: Uint8Array;
      before(async () => {
        const { wrapper } = await ensureToolchain(isa);
        const program = join(folder, `writer-${isa}`);
        execFileSync(wrapper, ['-O1', '-static', '-no-pie', '-Wall', '-o', program, source]);
        elf = readFileSync(program);
      });

      /** Runs the program until it is done, lets power fail, and reads the file on another machine with the same disk. */
      async function crashed(how: string, seed: number): Promise<{ left: string; syncTime: number }> {
        let printed = '';
        const keep = (bytes: Uint8Array): void => {
          printed += Buffer.from(bytes).toString();
        };
        const description = loadMachine('uniform-1', isa);
        const machine = await Machine.create({
          description,
          seed,
          disk: {},
          ramBytes: 64 * 2 ** 20,
          console: { stdout: keep, stderr: keep },
        });
        machine.files.putFile('/root/file', Buffer.from('old'));
        machine.spawn(elf, { argv: ['/bin/writer', how] });
        machine.run({ maxInstructions: 10e6, stopWhen: () => printed.includes('\n') });
        assert.equal(printed, 'done\n', how);
        const syncTime = machine.time;
        const image = machine.crash();
        assert.throws(() => machine.run(), { code: 'machine.over' });
        const next = await Machine.create({ description, disk: { image }, ramBytes: 64 * 2 ** 20 });
        const left = Buffer.from(next.files.fileBytes('/root/file') ?? []).toString();
        machine.close();
        next.close();
        return { left, syncTime };
      }

      for (const [how, waits] of Object.entries(lasting)) {
        it(`${how}: the write, after the disk was waited for`, async () => {
          for (const seed of seeds.slice(0, 3)) {
            const { left, syncTime } = await crashed(how, seed);
            assert.equal(left, 'new', `seed ${seed}`);
            assert.ok(syncTime >= waits * DISK_FLUSH_NS && syncTime < (waits + 1) * DISK_FLUSH_NS, `${syncTime} ns`);
          }
        });
      }

      for (const [how, waits] of Object.entries(fleeting)) {
        it(`${how}: the write or what was there before`, async () => {
          const outcomes = new Set<string>();
          for (const seed of seeds) {
            const { left, syncTime } = await crashed(how, seed);
            outcomes.add(left);
            assert.ok(syncTime < (waits + 1) * DISK_FLUSH_NS);
          }
          assert.deepEqual([...outcomes].sort(), ['new', 'old']);
        });
      }
    });
  }
});
