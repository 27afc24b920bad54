// One run, in a process of its own: costs.c on a machine.

import { readFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import { EventCounters } from '../../emulator/events/counters.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import type { ViewModelName } from '../../emulator/timing/kernel-costs.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { type Cost, type Costs, type Operation, operations } from './operations.ts';

/** What is asked for. */
export interface Setting {
  readonly isa: Isa;
  readonly model: ViewModelName;
  readonly mappedMib: number;
  readonly touchedMib: number;
  readonly views: number;
  /** Threads that keep other CPUs busy, in the base view or each in a view of its own. */
  readonly others: number;
  readonly spread: boolean;
}

export interface RunInput extends Setting {
  readonly executable: string;
}

export interface RunRecord extends Setting {
  readonly costs: Costs;
  /** Page tables that each further view took: bytes. */
  readonly bytesPerView: number;
}

const MARK = 1999;
const mib = 2 ** 20;
const pageSize = 4096;
/** Beside what is touched: the program, tables on the way to the window. */
const spareBytes = 192 * mib;
/** Bytes that an entry of a last-level table maps, by byte of it. */
const mappedByTableByte = pageSize / 8;

interface Counters {
  readonly cycles: number;
  readonly faults: number;
  readonly frames: number;
}

class Meter {
  readonly #sums = new Map<Operation, { work: Counters; count: number }>();
  #open: { operation: Operation; count: number; at: Counters } | undefined;

  /** A mark ends what was measured and begins what it names. */
  mark(at: Counters, operation: Operation | undefined, count: number): void {
    if (this.#open !== undefined) this.#add(this.#open, at);
    this.#open = operation === undefined ? undefined : { operation, count, at };
  }

  #add({ operation, count, at }: { operation: Operation; count: number; at: Counters }, end: Counters): void {
    const { work, count: before } = this.#sums.get(operation) ?? {
      work: { cycles: 0, faults: 0, frames: 0 },
      count: 0,
    };
    const sum = (key: keyof Counters): number => work[key] + end[key] - at[key];
    this.#sums.set(operation, {
      work: { cycles: sum('cycles'), faults: sum('faults'), frames: sum('frames') },
      count: before + count,
    });
  }

  /** Averages, less what a mark itself costs. */
  costs(): Costs {
    const nothing = this.#sums.get('nothing')!;
    const overhead = nothing.work.cycles / nothing.count;
    const one = (operation: Operation): Cost => {
      const { work, count } = this.#sums.get(operation) ?? {
        work: { cycles: overhead, faults: 0, frames: 0 },
        count: 0,
      };
      const each = (total: number): number => (count === 0 ? 0 : total / count);
      return { cycles: each(work.cycles - overhead), faults: each(work.faults), frames: each(work.frames) };
    };
    const all = Object.fromEntries(operations.map((operation) => [operation, one(operation)])) as Record<
      Operation,
      Cost
    >;
    return { ...all, nothing: { cycles: overhead, faults: 0, frames: 0 } };
  }
}

export async function run({ executable, ...setting }: RunInput): Promise<RunRecord> {
  const { isa, model, mappedMib, touchedMib, views, others, spread } = setting;
  const counting = new EventCounters();
  const meter = new Meter();
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString('latin1');
  };
  const mark = ({ core, kernel }: Thread, operation: number, count: number): number => {
    const at = { cycles: core.cycles, faults: counting.count('page-fault'), frames: kernel.physical.framesUsed };
    meter.mark(at, operations[operation], count);
    return 0;
  };
  const machine = await Machine.create({
    description: loadMachine('uniform-4', isa),
    views: model,
    ramBytes:
      Math.ceil(
        (touchedMib * (1.01 + (model === 'subtree' ? 0 : (1.1 * views) / mappedByTableByte)) + spareBytes / mib) / 16,
      ) *
      16 *
      mib,
    events: [counting],
    console: { stdout: keep, stderr: keep },
    extensions: [
      installMmview,
      (kernel) => kernel.registerSyscall(MARK, 'mark', { handler: mark, note: 'the scenario’s: notes the counters' }),
    ],
  });
  const process = machine.spawn(readFileSync(executable), {
    argv: ['costs', ...[mappedMib, touchedMib, views, others, spread ? 1 : 0].map(String)],
  });
  machine.run({ maxTime: 600e9 });
  if (process.exitCode !== 0) {
    throw new MelfError('view-costs.program', `the program ended with ${process.exitCode}`, { facts: { output } });
  }
  const costs = meter.costs();
  const { frames } = views > 1 ? costs.createAll : costs.create;
  return { ...setting, costs, bytesPerView: frames * pageSize };
}
