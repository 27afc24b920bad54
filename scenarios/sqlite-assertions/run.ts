// One run, in a process of its own: a program on a machine, everything counted.

import { readFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import { TraceHash } from '../../emulator/events/trace-hash.ts';
import type { Process } from '../../emulator/linux/process.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Machine, type MachineOptions } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type MelfFile, readMelf } from '../../linker/melf-reader.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { Symboliser } from '../../overlay/symboliser.ts';
import { worldOf } from '../runner/client-world.ts';
import { randomStreams } from '../runner/random.ts';
import { readFunctions } from '../runner/symbols.ts';
import { Clients } from './client.ts';
import { configurationNamed } from './configurations.ts';
import { readFailures } from './failures.ts';
import { variantNames } from './forms.ts';
import { runLedger } from './ledger.ts';
import type {
  MachineSettings,
  RunInput,
  RunRecord,
  ServiceRecord,
  SpeedtestRecord,
  StatementRecord,
} from './run-record.ts';
import { SwitchCount } from './switch-count.ts';

type InputOf<P extends RunInput['program']> = Extract<RunInput, { program: P }>;

const port = 5432;
/** guest/mark.h and the number of its system call. */
const MARK = 1999;
const Mark = { begin: 0, run: 1, runEnd: 2 } as const;
/** Far above what any run needs: a guest that hangs ends here. */
const mostTime = 300e9;
const keptOutput = 200_000;
/** RAM is committed when touched. */
const ramBytes = 512 * 2 ** 20;
/** When clients come: long after the service has filled its database. They are refused before it listens. */
const connectRetry = 1e6;

interface Consoles {
  stdout: string;
  stderr: string;
}

async function makeMachine(
  settings: MachineSettings,
  seed: number,
  more: Pick<MachineOptions, 'events' | 'extensions' | 'scheduling'>,
): Promise<{ machine: Machine; output: Consoles }> {
  const output: Consoles = { stdout: '', stderr: '' };
  const keep = (name: keyof Consoles) => (bytes: Uint8Array) => {
    output[name] = (output[name] + Buffer.from(bytes).toString('latin1')).slice(-keptOutput);
  };
  const machine = await Machine.create({
    description: loadMachine(settings.description, settings.isa),
    costModel: settings.costModel,
    seed,
    ramBytes,
    latency: settings.networkLatency,
    console: { stdout: keep('stdout'), stderr: keep('stderr') },
    ...more,
    extensions: [installMmview, ...(more.extensions ?? [])],
  });
  return { machine, output };
}

/** How a process ended; throws for one that a signal ended. */
function exitCodeOf(process: Process, output: Consoles): number {
  const { end } = process;
  if (end === undefined || end.signal !== undefined) {
    throw new MelfError('run.ended', `the guest ended by signal ${end?.signal}`, {
      facts: { stdout: output.stdout.slice(-2000), stderr: output.stderr.slice(-2000) },
    });
  }
  return end.code;
}

/** A statement in execution, by its thread. */
interface Open {
  readonly client: number;
  readonly statement: number;
  readonly instructions: number;
  readonly cycles: number;
  readonly tlbMisses: number;
  asserted: boolean;
  view: number;
}

type Marked = Omit<StatementRecord, 'latency'>;

/** Collects what the service's marks say. */
function statementMarks(done: Marked[]): (thread: Thread, what: number, a: number, b: number) => number {
  const open = new Map<number, Open>();
  return ({ tid, core, view }, what, a, b) => {
    const { instructions, cycles, tlbMisses } = core;
    const one = open.get(tid);
    if (what === Mark.begin)
      open.set(tid, { client: a, statement: b, instructions, cycles, tlbMisses, asserted: false, view: -1 });
    else if (one === undefined) throw new MelfError('run.mark', 'the service marked the end of what did not begin');
    else if (what === Mark.run) {
      one.asserted = a === 1;
      one.view = view;
    } else {
      done.push({
        ...one,
        instructions: instructions - one.instructions,
        cycles: cycles - one.cycles,
        tlbMisses: tlbMisses - one.tlbMisses,
      });
      open.delete(tid);
    }
    return 0;
  };
}

/** For tests: looks on, from before the service's first instruction. */
export type Watch = (service: Process, file: MelfFile) => void;

async function runService(input: InputOf<'service'>, watch: Watch): Promise<ServiceRecord> {
  const started = performance.now();
  const { load, machine: settings, seed } = input;
  const configuration = configurationNamed(input.configuration);
  const [hash, counting] = [new TraceHash(), new SwitchCount()];
  const marked: Marked[] = [];
  const handler = statementMarks(marked);
  const { machine, output } = await makeMachine(settings, seed, {
    events: [hash, counting],
    extensions: [
      (kernel) => kernel.registerSyscall(MARK, 'mark', { handler, note: 'the scenario’s: notes the counters' }),
    ],
    // A CPU must not be ahead of what a client may still answer to another one's reply.
    scheduling: { lookahead: 2 * settings.networkLatency },
  });
  const elf = readFileSync(input.executable);
  const file = readMelf(elf);
  const functions = readFunctions(elf);
  const watchedAddresses = ['sqlite3_reset', 'sqlite3_bind_int64'].map((name) => functions.named(name)!.address);
  const watched =
    (file.melf?.variants.length ?? 0) < 2
      ? []
      : variantNames.map((_, view) => machine.kernel.watchBlocks(view, watchedAddresses));
  const service = machine.spawn(elf, {
    argv: [
      'service',
      `${port}`,
      '/tmp/bank.db',
      `${load.clients}`,
      configuration.policy,
      ...(configuration.planted ? ['plant'] : []),
    ],
    env: ['SERVICE_MARKS=1', 'MELF_ASSERT=report'],
    exe: '/service',
  });
  watch(service, file);
  const { timers } = machine.kernel;
  const clients = new Clients({
    world: worldOf(machine, port),
    load,
    configuration,
    streams: randomStreams(seed, 2 * load.clients),
  });
  const whenListening = (now: number): void => {
    if (output.stdout.includes('listening')) clients.start(now);
    else timers.at(now + connectRetry, whenListening);
  };
  timers.at(connectRetry, whenListening);
  machine.run({ maxTime: mostTime });

  const exitCode = exitCodeOf(service, output);
  const [, integrity = 'unknown', contentHash = '', rows = '0'] =
    /^final (.*) ([0-9a-f]{16}) (\d+)$/m.exec(output.stdout) ?? [];
  const entries = watched.map((counters) => counters.read());
  const byVariant = (index: number): ServiceRecord['resets'] => ({
    noassert: entries[0]?.[index] ?? 0,
    assert: entries[1]?.[index] ?? 0,
  });
  // Planted requests are statements, too; they are not among those that are compared.
  const numbers = statementNumbers(marked, clients);
  const record: ServiceRecord = {
    program: 'service',
    configuration: input.configuration,
    seed,
    statements: numbers,
    failures: readFailures(output.stderr, new Symboliser(file)),
    answersHash: clients.answersHash(),
    integrity,
    contentHash,
    rows: Number(rows),
    wrong: clients.wrong,
    wrongCount: clients.wrongCount,
    requests: clients.requests,
    exitCode,
    resets: byVariant(0),
    binds: byVariant(1),
    switches: counting.switches,
    instructions: machine.kernel.scheduler.instructionsSoFar,
    time: clients.lastReply - clients.firstRequest,
    traceHash: hash.digest(),
    unimplemented: Object.fromEntries(machine.kernel.unimplemented),
    hostSeconds: (performance.now() - started) / 1e3,
  };
  machine.close();
  return record;
}

/** Marked statements with what their clients saw; those that no client measured (planted ones) shift the numbers after them and are left out. */
function statementNumbers(marked: readonly Marked[], clients: Clients): StatementRecord[] {
  const { planted } = clients.configuration;
  if (planted === true) return [];
  return marked
    .map((one) => ({ ...one, latency: clients.latency(one.client, one.statement) ?? Number.NaN }))
    .sort((a, b) => a.client - b.client || a.statement - b.statement);
}

async function runSpeedtest(input: InputOf<'speedtest1'>): Promise<SpeedtestRecord> {
  const started = performance.now();
  const { machine, output } = await makeMachine(input.machine, input.seed, {});
  const elf = readFileSync(input.executable);
  const program = machine.spawn(elf, {
    argv: ['speedtest1', '--size', `${input.size}`, '--verify', '/tmp/speedtest.db'],
    env: input.form === 'melf' ? [`MELF_VARIANT=${input.variant}`] : [],
    exe: '/speedtest1',
  });
  machine.run({ maxTime: mostTime });
  const { scheduler } = machine.kernel;
  const record: SpeedtestRecord = {
    program: 'speedtest1',
    form: input.form,
    variant: input.variant,
    exitCode: exitCodeOf(program, output),
    verificationHash: /^Verification Hash: (.+)$/m.exec(output.stdout)?.[1] ?? '',
    instructions: scheduler.instructionsSoFar,
    cycles: scheduler.cycles,
    time: machine.time,
    failures: readFailures(output.stderr, new Symboliser(readMelf(elf))),
    unimplemented: Object.fromEntries(machine.kernel.unimplemented),
    hostSeconds: (performance.now() - started) / 1e3,
  };
  machine.close();
  return record;
}

/** Runs one program in one configuration with one seed. `watch` is for the service. */
export async function run(input: RunInput, watch: Watch = () => {}): Promise<RunRecord> {
  if (input.program === 'service') return runService(input, watch);
  return input.program === 'ledger' ? runLedger(input) : runSpeedtest(input);
}
