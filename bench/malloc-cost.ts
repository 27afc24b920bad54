// Instructions of a malloc and a free by the AddressSanitizer runtime, beside glibc's: counted, not timed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../base/command.ts';
import { Machine } from '../emulator/machine.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { asanObject } from '../linker/cc/libmelf.ts';
import { cache, hashOf } from '../setup/cache.ts';
import { versionLine } from '../setup/host-tools.ts';
import { BenchError } from './measure.ts';
import { judged, type Row, type RowId } from './row.ts';

const source = join(import.meta.dirname, 'guest/malloc.c');
const rowIds: readonly RowId[] = ['malloc-one-frame', 'malloc-ten-frames'];

/** The program with glibc, and with the runtime in the place of glibc's malloc. */
async function programs(): Promise<{ glibc: string; runtime: string }> {
  const runtime = asanObject(['gcc']);
  const key = hashOf(['malloc', versionLine('gcc'), readFileSync(source), readFileSync(runtime)]);
  const folder = await cache.entry('bench', key, async (temporary) => {
    const words = ['gcc', '-O2', '-fno-pie', '-no-pie', '-static', '-Wl,--eh-frame-hdr', source];
    await run([...words, '-o', join(temporary, 'glibc')]);
    await run([...words, runtime, '-pthread', '-o', join(temporary, 'runtime')]);
  });
  return { glibc: join(folder, 'glibc'), runtime: join(folder, 'runtime') };
}

async function instructions(program: string, words: readonly string[], env: readonly string[]): Promise<number> {
  const machine = await Machine.create({ description: loadMachine('uniform-1', 'x86-64'), ramBytes: 512 * 2 ** 20 });
  const guest = machine.spawn(readFileSync(program), { argv: ['malloc', ...words], env });
  machine.run();
  const { instructionsSoFar } = machine.kernel.scheduler;
  machine.close();
  if (guest.exitCode !== 0) throw new BenchError('bench.malloc', `malloc ended with ${guest.exitCode}`);
  return instructionsSoFar;
}

/** Of one malloc and free, without the loop around: start, end and the first rounds fall out of the difference. */
async function perRound(program: string, env: readonly string[] = []): Promise<number> {
  const [few, many] = [20_000, 60_000];
  const each = async (...words: readonly string[]): Promise<number> => {
    const less = await instructions(program, [`${few}`, ...words], env);
    return ((await instructions(program, [`${many}`, ...words], env)) - less) / (many - few);
  };
  return (await each()) - (await each('the loop alone'));
}

/** The rows among `wanted`; none where the host's compiler makes no programs for x86-64. */
export async function mallocRows(wanted: ReadonlySet<RowId>): Promise<Row[]> {
  if (process.arch !== 'x64' || !rowIds.some((id) => wanted.has(id))) return [];
  const { glibc, runtime } = await programs();
  const peer = await perRound(glibc);
  const row = async (id: RowId, frames: string, env: readonly string[]): Promise<Row> =>
    judged(id, {
      what: `malloc and free of 40 bytes by the sanitiser's runtime, ${frames} kept; beside it glibc's`,
      ours: await perRound(runtime, env),
      peer,
      unit: 'instructions',
    });
  const rows = [
    await row('malloc-one-frame', 'one return address', ['MELF_ASAN_OPTIONS=stack_depth=1']),
    await row('malloc-ten-frames', 'ten return addresses', []),
  ];
  return rows.filter(({ id }) => wanted.has(id));
}
