// One program on a machine, with what it executed between the marks that it sets.

import { MelfError } from '../../base/errors.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { installMmview } from '../../overlay/mmview.ts';

/** The system call of serve.c, and what it says comes next. */
const MARK = 1999;
const Mark = { switch: 0, calls: 1, nothing: 2, done: 3 } as const;
/** Of one turn. */
const order = [Mark.switch, Mark.done, Mark.calls, Mark.done, Mark.nothing, Mark.done];
const clients = 2;

/** Instructions and model cycles. */
export interface Work {
  readonly instructions: number;
  readonly cycles: number;
}

/** What one client got in one round. */
export interface Turn {
  /** 0: not profiled, 1: profiled. */
  readonly client: number;
  readonly round: number;
  /** Until the client's variant was chosen. */
  readonly switch: Work;
  /** One call of validate_query, on average: from its first instruction to its return. */
  readonly call: Work;
}

export interface Measurement {
  readonly turns: readonly Turn[];
  readonly output: readonly string[];
  /** The profile, in the runtime's own format; '' when nothing was written. */
  readonly profile: string;
}

const profilePath = '/tmp/profile';
const mostTime = 60e9;

interface MarkRecord extends Work {
  readonly what: number;
}

const between = (a: Work, b: Work): Work => ({
  instructions: b.instructions - a.instructions,
  cycles: b.cycles - a.cycles,
});

function turnsOf(marks: readonly MarkRecord[], calls: number): Turn[] {
  const turns: Turn[] = [];
  for (let at = 0; at < marks.length; at += order.length) {
    const own = marks.slice(at, at + order.length);
    if (own.map(({ what }) => what).join() !== order.join())
      throw new MelfError('lesson.marks', 'the program set its marks in another order than expected');
    const [choice, validated, loop] = [0, 2, 4].map((first) => between(own[first]!, own[first + 1]!)) as [
      Work,
      Work,
      Work,
    ];
    // The loop called a function that only returns: what it takes beyond that is validate_query, less its own return.
    const one = (key: keyof Work): number => (validated[key] - loop[key]) / calls + 1;
    turns.push({
      client: turns.length % clients,
      round: Math.floor(turns.length / clients),
      switch: choice,
      call: { instructions: one('instructions'), cycles: one('cycles') },
    });
  }
  return turns;
}

/** Runs a program: `rounds` times each client's turn with `calls` calls. */
export async function measure(isa: Isa, elf: Uint8Array, rounds: number, calls: number): Promise<Measurement> {
  const marks: MarkRecord[] = [];
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output += Buffer.from(bytes).toString('latin1');
  };
  const mark = ({ core }: Thread, what: number): number => {
    marks.push({ what, instructions: core.instructions, cycles: core.cycles });
    return 0;
  };
  const machine = await Machine.create({
    description: loadMachine('uniform-1', isa),
    ramBytes: 128 * 2 ** 20,
    console: { stdout: keep, stderr: keep },
    extensions: [
      installMmview,
      (kernel) => kernel.registerSyscall(MARK, 'mark', { handler: mark, note: 'the lesson’s: notes the counters' }),
    ],
  });
  const process = machine.spawn(elf, {
    argv: ['serve', `${rounds}`, `${calls}`],
    env: [`MELF_PROFILE_OUT=${profilePath}`],
  });
  machine.run({ maxTime: mostTime });
  if (process.exitCode !== 0)
    throw new MelfError('lesson.program', `the program ended with ${process.exitCode}`, { facts: { output } });
  const profile = machine.files.fileBytes(profilePath);
  machine.close();
  return {
    turns: turnsOf(marks, calls),
    output: output.trimEnd().split('\n'),
    profile: profile === undefined ? '' : Buffer.from(profile).toString('latin1'),
  };
}
