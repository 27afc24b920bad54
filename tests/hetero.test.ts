// Programs on machines with several kinds of CPU: what they find on each, and what policies do for them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../base/tests/skip.ts';
import type { MachineEvent } from '../emulator/events/events.ts';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { checkMachine, loadMachine, type MachineDescription } from '../emulator/scheduler/machine-description.ts';
import { ensureToolchain } from '../setup/toolchain.ts';

const readyMachine: Readonly<Record<Isa, string>> = { 'x86-64': 'big-little-x86', aarch64: 'big-little-arm' };
const bestModel: Readonly<Record<Isa, string>> = { 'x86-64': 'icelake-server', aarch64: 'max' };

interface Run {
  readonly lines: readonly string[];
  readonly events: readonly MachineEvent[];
}

async function emulate(
  description: MachineDescription,
  elf: Uint8Array,
  affinity?: readonly number[],
  seed = 1,
): Promise<Run> {
  let output = '';
  const events: MachineEvent[] = [];
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString('latin1');
  };
  const machine = await Machine.create({
    description,
    seed,
    ramBytes: 256 * 2 ** 20,
    console: { stdout: keep, stderr: keep },
    events: [{ accept: (event) => events.push(event) }],
  });
  const process = machine.spawn(elf, {
    argv: ['/bin/program'],
    ...(affinity === undefined ? {} : { affinity: new Set(affinity) }),
  });
  machine.run({ maxInstructions: 50e6, maxTime: 60e9 });
  machine.close();
  assert.equal(process.exitCode, 0, output);
  return { lines: output.trim().split('\n'), events };
}

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`CPUs of several kinds, ${isa}`, function () {
    this.timeout(120_000);
    let folder: string;
    let program: Uint8Array;
    let sequences: Uint8Array;
    let built: (name: string) => Uint8Array;

    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-hetero-'));
      const { wrapper } = await ensureToolchain(isa);
      const flags = ['-std=gnu11', '-O1', '-Wall', '-Werror', '-static'];
      built = (name) => {
        const path = join(folder, name);
        execFileSync(wrapper, [...flags, '-o', path, join(import.meta.dirname, `hetero/${name}.c`)]);
        return readFileSync(path);
      };
      program = built('cpus');
      sequences = built('sequences');
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    /** What the program must print on a machine. */
    function expected(description: MachineDescription, probes: readonly string[]): string[] {
      const cpus = description.cpus.flatMap(({ count, features }) => Array.from({ length: count }, () => features));
      const round = cpus.flatMap((features, cpu) => [
        `cpu ${cpu}: getcpu ${cpu}, affinity right, registers kept`,
        ...probes.map((feature) => {
          const has = features.includes(feature);
          return `cpu ${cpu} ${feature}: ${has ? 'executed' : 'refused'}, cpuinfo ${Number(has)}, cpuid ${Number(has)}, before 1`;
        }),
      ]);
      return [`cpus ${cpus.length}`, ...round, ...round];
    }

    const probesOf = ({ lines }: Run): string[] =>
      lines
        .slice(2)
        .flatMap((line) => /^cpu 0 (\w+):/.exec(line)?.[1] ?? [])
        .filter((name, at, all) => all.indexOf(name) === at);

    it('each tells the truth and executes what it has', async () => {
      const description = loadMachine(readyMachine[isa]);
      const run = await emulate(description, program);
      const probes = probesOf(run);
      assert.ok(probes.length >= 9);
      assert.deepEqual(run.lines.slice(0, -2), expected(description, probes));
      const refusals = run.events.filter((event) => event.type === 'illegal-instruction');
      const refusedLines = run.lines.filter((line) => line.includes(': refused,'));
      assert.deepEqual(
        refusals.map(({ cpu, feature }) => `cpu ${cpu} ${feature}`),
        refusedLines.map((line) => line.split(':')[0]),
      );
      const moves = run.events.filter((event) => event.type === 'thread:move');
      assert.deepEqual(
        moves.slice(0, 3).map(({ fromKind, toKind }) => `${fromKind} ${toKind}`),
        ['big little', 'little big', 'big little'],
      );
    });

    it('refuses what code contains that was written over other code', async function () {
      if (isa !== 'x86-64') skipBecause(this, 'the program is made of bytes, for x86-64 alone');
      const description = checkMachine(
        { isa, cpus: [{ kind: 'old', count: 1, model: 'haswell', features: ['pni'] }] },
        'old',
      );
      const { lines } = await emulate(description, built('rewritten'));
      assert.deepEqual(lines, ['before: 255', 'rewritten: refused', 'elsewhere: refused', 'again: 255']);
    });

    it('rseq tells a program where it is, and that it was moved in the midst of something', async () => {
      const { lines, events } = await emulate(loadMachine(readyMachine[isa]), sequences);
      const cpus = [0, 2, 1, 3].flatMap((cpu) => [`on ${cpu}: cpu_id ${cpu}, getcpu ${cpu}`]);
      assert.deepEqual(lines, ['registered', ...cpus, 'moved in a sequence: aborted, cpu_id 3', 'again EBUSY', 'left']);
      const kinds = events.flatMap((event) =>
        event.type === 'thread:move' ? [`${event.fromKind} ${event.toKind}`] : [],
      );
      assert.deepEqual(kinds.slice(0, 3), ['big little', 'little big', 'big little']);
    });

    it('random numbers of the CPU come from the seed', async () => {
      const random = async (seed: number): Promise<string> => {
        const { lines } = await emulate(loadMachine(readyMachine[isa]), program, undefined, seed);
        return /^random ([0-9a-f]+)$/.exec(lines.at(-2)!)![1]!;
      };
      const [one, again, other] = [await random(1), await random(1), await random(2)];
      assert.equal(one, again);
      assert.notEqual(one, other);
      assert.ok(one.length > 8);
    });

    it('AT_HWCAP tells what all CPUs have that the program is started for', async () => {
      const description = loadMachine(readyMachine[isa]);
      const kinds = description.cpus.flatMap(({ count, kind }) => Array.from({ length: count }, () => kind));
      const ids = (kind: string): number[] => kinds.flatMap((one, id) => (one === kind ? [id] : []));
      const hwcap = async (affinity?: readonly number[]): Promise<number> => {
        const { lines } = await emulate(description, program, affinity);
        return Number.parseInt(/^hwcap ([0-9a-f]+)$/.exec(lines.at(-1)!)![1]!, 16);
      };
      const [anywhere, big, little] = [await hwcap(), await hwcap(ids('big')), await hwcap(ids('little'))];
      assert.equal(anywhere, little); // the little ones have nothing that the big ones lack
      assert.equal(await hwcap([ids('big')[0]!, ids('little')[0]!]), anywhere);
      if (isa === 'aarch64') {
        // HWCAP_ATOMICS and HWCAP_ASIMDDP of arch/arm64/include/uapi/asm/hwcap.h.
        for (const bit of [8, 20]) assert.deepEqual([(big >> bit) & 1, (anywhere >> bit) & 1], [1, 0]);
        assert.equal(big & little, little);
      } else {
        assert.equal(anywhere, big); // CPUID's leaf 1, EDX: the same on all; the rest is asked of the CPU itself
        assert.equal((anywhere >> 26) & 1, 1);
      }
    });

    it('what a description leaves out does not exist', async () => {
      const features = loadMachine('uniform-1', isa).cpus[0]!.features.slice(0, 5);
      const cpus = [
        { kind: 'all', model: bestModel[isa] },
        { kind: 'less', model: bestModel[isa], features },
      ];
      const description = checkMachine({ isa, cpus }, 'less');
      const run = await emulate(description, program);
      assert.deepEqual(run.lines.slice(0, -2), expected(description, probesOf(run)));
    });
  });
}
