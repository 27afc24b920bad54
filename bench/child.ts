// One measured run of a guest in a process of its own. Reads its task as JSON in argv, prints what it measured as JSON.
import { readFileSync } from 'node:fs';
import { loadEngine } from '../emulator/core/engine-loader.ts';
import type { Isa } from '../emulator/isa/isa.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { installMmview } from '../overlay/mmview.ts';

export interface Task {
  readonly program: string;
  /** Of the program; default x86-64. */
  readonly isa?: Isa;
  readonly argv: readonly string[];
  /** Default true. */
  readonly accounting?: boolean;
  /** The engine addon with Unicorn's own exit checks. */
  readonly stock?: boolean;
  readonly ramBytes?: number;
  /** Stop at this virtual time (ns) instead of at the program's end. */
  readonly until?: number;
}

export interface Measurement {
  /** Host seconds of the whole run, by the clock and by this process's CPU time. */
  readonly wall: number;
  readonly cpu: number;
  /** The same from the guest's line "begin" to its line "end". */
  readonly marked: { readonly wall: number; readonly cpu: number } | null;
  readonly instructions: number;
  readonly output: string;
  /** Exit status of the guest; null when it was stopped. */
  readonly status: number | null;
  /** Most memory that this process had, bytes. */
  readonly peakMemory: number;
}

interface Moment {
  readonly wall: number;
  readonly cpu: number;
}

function moment(): Moment {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now() / 1e3, cpu: (user + system) / 1e6 };
}

const since = (from: Moment, to: Moment): Moment => ({ wall: to.wall - from.wall, cpu: to.cpu - from.cpu });

async function measure(task: Task): Promise<Measurement> {
  let output = '';
  const marks = new Map<string, Moment>();
  const keep = (bytes: Uint8Array): void => {
    const text = Buffer.from(bytes).toString('latin1');
    if (text === 'begin\n' || text === 'end\n') marks.set(text.trim(), moment());
    else output += text;
  };
  const machine = await Machine.create({
    description: loadMachine('uniform-4', task.isa ?? 'x86-64'),
    ramBytes: task.ramBytes,
    console: { stdout: keep, stderr: keep },
    accounting: task.accounting ?? true,
    engine: loadEngine({ isa: task.isa, stock: task.stock }),
    extensions: [installMmview],
  });
  const process_ = machine.spawn(readFileSync(task.program), { argv: task.argv, exe: '/program' });
  const from = moment();
  machine.run(task.until === undefined ? {} : { until: task.until });
  const to = moment();
  const [begin, end] = [marks.get('begin'), marks.get('end')];
  const { instructions } = machine.kernel.scheduler;
  const peakMemory = process.resourceUsage().maxRSS * 1024;
  machine.close();
  return {
    ...since(from, to),
    marked: begin === undefined || end === undefined ? null : since(begin, end),
    instructions,
    output,
    status: process_.end?.code ?? null,
    peakMemory,
  };
}

process.stdout.write(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? '{}') as Task)));
