// The life of a database whose power fails again and again: each failure comes at a random moment, and the next machine goes on with what is on the disk.

import { readFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import type { DiskImage } from '../../emulator/linux/files/disk-image.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { type RandomStream, randomStreams } from '../runner/random.ts';
import { ledgerModeNamed } from './ledger-modes.ts';
import type { LedgerInput, LedgerRecord, PowerFailure } from './run-record.ts';
import { SwitchCount } from './switch-count.ts';

const ramBytes = 256 * 2 ** 20;
/** From power-on: the program needs about 2 ms to open and check the database, so that some failures hit the recovery from the one before. */
const [soonest, latest] = [0.5e6, 12e6];

interface Spell {
  readonly image: DiskImage;
  /** What the program said. */
  readonly output: string;
  readonly time: number;
  readonly switches: number;
  readonly unimplemented: ReadonlyMap<string, number>;
}

/** One machine, from power-on with this disk until its power fails. */
async function spell(
  input: LedgerInput,
  elf: Uint8Array,
  seed: number,
  until: number,
  image: DiskImage | undefined,
): Promise<Spell> {
  const { description, isa, costModel } = input.machine;
  const { journal, synchronous } = ledgerModeNamed(input.mode);
  let output = '';
  const counting = new SwitchCount();
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString('latin1');
  };
  const machine = await Machine.create({
    description: loadMachine(description, isa),
    costModel,
    seed,
    ramBytes,
    disk: image === undefined ? {} : { image },
    console: { stdout: keep, stderr: keep },
    events: [counting],
    extensions: [installMmview],
  });
  machine.spawn(elf, { argv: ['ledger', '/root/ledger.db', journal, synchronous], exe: '/ledger' });
  const { reason } = machine.run({ until });
  if (reason !== 'until' && !output.includes('damaged')) {
    throw new MelfError('run.ended', `the ledger ended by itself (${reason})`, { facts: { output } });
  }
  const { time } = machine;
  const left = machine.crash();
  machine.close();
  return { image: left, output, time, switches: counting.switches, unimplemented: machine.kernel.unimplemented };
}

/** What was found when the power came back, of a program that got as far as to say so. */
function finding(output: string): PowerFailure['found'] | undefined {
  const recovered = /^recovered (.*) (\d+) (\d+) (\d+)$/m.exec(output);
  const damaged = /^damaged (.*)$/m.exec(output);
  // Damage may also come to light later, when the program goes on.
  if (damaged !== null) return { damage: damaged[1]!, last: 0 };
  if (recovered === null) return undefined;
  const [, integrity, last, entries, booked] = recovered as unknown as string[];
  const [id, count, sum] = [Number(last), Number(entries), Number(booked)];
  const whole = sum === id && count === Math.min(id, 100);
  const damage =
    integrity !== 'ok' ? integrity : whole ? undefined : `${count} entries, the last is ${id}, ${sum} booked`;
  return { damage, last: id };
}

const lastCommitted = (output: string): number => Number(/committed (\d+)\n(?!.*committed)/s.exec(output)?.[1] ?? 0);

/** Lets power fail so many times; a database that is damaged is thrown away. */
export async function runLedger(input: LedgerInput): Promise<LedgerRecord> {
  const started = performance.now();
  const elf = readFileSync(input.executable);
  const [moments, seeds] = randomStreams(input.seed, 2) as [RandomStream, RandomStream];
  const failures: PowerFailure[] = [];
  const unimplemented: Record<string, number> = {};
  let image: DiskImage | undefined;
  let committed = 0;
  let [transactions, switches, time] = [0, 0, 0];
  while (failures.length < input.failures) {
    const until = soonest + moments.fraction() * (latest - soonest);
    const one = await spell(input, elf, seeds.integer(1, 2 ** 31), until, image);
    for (const [name, count] of one.unimplemented) unimplemented[name] = (unimplemented[name] ?? 0) + count;
    const found = finding(one.output);
    if (found !== undefined && image !== undefined) failures.push({ committed, found });
    image = found?.damage === undefined ? one.image : undefined;
    if (found !== undefined) committed = found.damage === undefined ? found.last : 0;
    const now = lastCommitted(one.output);
    if (now > committed) {
      transactions += now - committed;
      committed = now;
    }
    switches += one.switches;
    time += one.time;
  }
  return {
    program: 'ledger',
    mode: input.mode,
    seed: input.seed,
    failures,
    transactions,
    switches,
    time,
    unimplemented,
    hostSeconds: (performance.now() - started) / 1e3,
  };
}
