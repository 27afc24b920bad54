// Guest speed against qemu's user mode: the same static executable, in pairs that alternate, by CPU time (the host may be busy).
import type { Isa } from '../emulator/isa/isa.ts';
import type { Task } from './child.ts';
import { BenchError, runHost, runOurs } from './measure.ts';
import { guestProgram, qemuUser } from './programs.ts';
import { judged, median, type Row, type RowId } from './row.ts';

const rounds = 7; // the ratio of one pair differs by a fifth on a shared machine
const scale = '5'; // 1.2 G instructions

interface Mode {
  readonly what: string;
  readonly isa: Isa;
  readonly task: Pick<Task, 'accounting' | 'stock'>;
  /** Least speed against qemu's. */
  readonly atLeast?: number;
}

const modes: Readonly<Partial<Record<RowId, Mode>>> = {
  'guest-x86-64-accounting': { what: 'guest speed, everything counted', isa: 'x86-64', task: {}, atLeast: 0.5 },
  'guest-x86-64-plain': {
    what: 'guest speed, nothing counted',
    isa: 'x86-64',
    task: { accounting: false },
    atLeast: 0.7,
  },
  'guest-x86-64-stock': {
    what: "guest speed, everything counted, Unicorn's own exit checks",
    isa: 'x86-64',
    task: { stock: true },
  },
  'guest-aarch64-accounting': { what: 'guest speed, everything counted', isa: 'aarch64', task: {}, atLeast: 0.6 },
  'guest-aarch64-plain': {
    what: 'guest speed, nothing counted',
    isa: 'aarch64',
    task: { accounting: false },
    atLeast: 0.7,
  },
};

/** The rows among `wanted` that compare guest speed. */
export async function guestSpeed(wanted: ReadonlySet<RowId>): Promise<Row[]> {
  const entries = Object.entries(modes).filter(([id]) => wanted.has(id as RowId)) as [RowId, Mode][];
  const rows: Row[] = [];
  for (const isa of new Set(entries.map(([, mode]) => mode.isa)))
    rows.push(
      ...(await speedOf(
        isa,
        entries.filter(([, mode]) => mode.isa === isa),
      )),
    );
  return rows;
}

async function speedOf(isa: Isa, entries: readonly [RowId, Mode][]): Promise<Row[]> {
  const program = await guestProgram('mixed', isa);
  const peer = await qemuUser(isa);
  if (peer === undefined) {
    throw new BenchError('bench.no-peer', `qemu for ${isa} programs is not on this machine and cannot be fetched`, {
      hint: "Install qemu's user-mode emulator (Debian: qemu-user).",
    });
  }
  const times = new Map(entries.map(([id]) => [id, { ours: [] as number[], peer: [] as number[] }]));
  let instructions = 0;
  for (let round = 0; round < rounds; round++) {
    for (const [id, { task }] of entries) {
      const theirs = runHost([peer.program, program, scale]);
      const ours = runOurs({ ...task, isa, program, argv: ['mixed', scale] });
      if (ours.output !== theirs.output) {
        throw new BenchError('bench.output', `The guest printed something else than under qemu (${id})`, {
          facts: { ours: ours.output, qemu: theirs.output },
          hint: 'An instruction is emulated wrongly, or the kernel answered differently.',
        });
      }
      if (ours.instructions > 0) instructions = ours.instructions;
      times.get(id)!.ours.push(ours.cpu);
      times.get(id)!.peer.push(theirs.cpu);
    }
  }
  const millions = instructions / 1e6;
  return entries.map(([id, { what, atLeast }]) => {
    const { ours, peer: theirs } = times.get(id)!;
    const speed = (seconds: number): number => (millions > 0 ? millions / seconds : 1 / seconds);
    return judged(id, {
      what: `${what}, against qemu ${peer.version}, ${isa}`,
      ours: speed(median(ours)),
      peer: speed(median(theirs)),
      ratio: median(ours.map((seconds, round) => theirs[round]! / seconds)),
      unit: millions > 0 ? 'million instructions a CPU second' : 'runs a CPU second',
      atLeast,
    });
  });
}
