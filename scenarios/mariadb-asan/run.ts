// One run, in a process of its own: MariaDB on a machine, clients in virtual time, everything counted.

import { readFileSync, writeFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import { ChromeTrace } from '../../emulator/events/chrome-trace.ts';
import { TraceHash } from '../../emulator/events/trace-hash.ts';
import type { Process } from '../../emulator/linux/process.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { type MelfFile, readMelf } from '../../linker/melf-reader.ts';
import { asanReports } from '../../overlay/asan/asan-call.ts';
import type { AsanReport } from '../../overlay/asan/report-record.ts';
import { callSites, formatReport } from '../../overlay/asan/report-text.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { Symboliser } from '../../overlay/symboliser.ts';
import { worldOf } from '../runner/client-world.ts';
import { CountingSink, readCounters, windowCounters } from '../runner/machine-counters.ts';
import { randomStreams } from '../runner/random.ts';
import { readFunctions } from '../runner/symbols.ts';
import { MariadbClients } from './client.ts';
import { configurationOfRun, sanitisedConnections } from './configurations.ts';
import type { Form } from './executable.ts';
import { statementFunction } from './plants.ts';
import type { FoundError, RunInput, RunRecord } from './run-record.ts';
import { serverCommand, serverMounts, serverProgram } from './server.ts';

const port = 3306;
/** From the start of the measurement: what a trace keeps, ns. */
const tracedTime = 2e6;
/** Far above what any run needs: a server that hangs ends here. */
const mostTime = 300e9;
const keptOutput = 4000;
const ramBytes = 1024 * 2 ** 20;
/** Besides those of the load: the administrator's. */
const otherConnections = 4;
/**
 * Errors are to be found, not to end the server. A program of one variant does not tell the runtime that it is plain code: it keeps the stacks that plain
 * code of a MELF keeps.
 */
const asanOptions = (form: Form): string =>
  `MELF_ASAN_OPTIONS=halt_on_error=0${form === 'plain-allocator' ? ':stack_depth=1' : ''}`;
/** glibc would reserve 128 MiB for each thread. */
const tunables = 'GLIBC_TUNABLES=glibc.malloc.arena_max=1';

/** Reports with names in the place of addresses. */
class Findings {
  readonly errors: FoundError[] = [];
  #first: AsanReport | undefined;
  readonly #names: Symboliser;

  constructor(file: MelfFile) {
    this.#names = new Symboliser(file);
  }

  get example(): string | undefined {
    return this.#first === undefined ? undefined : formatReport(this.#first, this.#names);
  }

  add(report: AsanReport): void {
    const named = (stack: readonly number[] = []): string[] => callSites(stack).map((pc) => this.#names.at(pc));
    const tellsMore = report.block?.freed !== undefined && this.#first?.block?.freed === undefined;
    if (this.#first === undefined || tellsMore) this.#first = report;
    this.errors.push({
      kind: report.kind,
      access: report.access,
      variant: report.variant,
      thread: report.thread,
      stack: named(report.stack),
      allocation: named(report.block?.allocation),
      freed: named(report.block?.freed?.stack),
    });
  }
}

/** Has the machine count, by view, how often the function is entered that executes a client's command; the default variant's view has number 0. */
function countCommands(machine: Machine, elf: Uint8Array): () => RunRecord['entries'] {
  const found = readFunctions(elf).functions.filter(({ name }) => name.includes(statementFunction));
  const address = found[0]?.address;
  if (found.length !== 1 || address === undefined)
    throw new MelfError('run.statements', `${found.length} functions named ${statementFunction}`);
  const [plain, sanitised] = [0, 1].map((view) => machine.kernel.watchBlocks(view, [address]));
  return () => ({ plain: plain!.read()[0] ?? 0, sanitised: sanitised!.read()[0] ?? 0 });
}

/** For tests: looks on, from before the server's first instruction. */
export type Watch = (server: Process, file: MelfFile) => void;

/** Runs one configuration with one seed. */
export async function run(input: RunInput, watch: Watch = () => {}): Promise<RunRecord> {
  const started = performance.now();
  const { load, machine: settings, seed } = input;
  const configuration = configurationOfRun(input.configuration);
  const elf = readFileSync(input.executable);
  const file = readMelf(elf);
  const findings = new Findings(file);
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output = (output + Buffer.from(bytes).toString('latin1')).slice(-keptOutput);
  };
  const hash = new TraceHash();
  const counting = new CountingSink();
  const machine = await Machine.create({
    description: loadMachine(settings.description, settings.isa),
    costModel: settings.costModel,
    seed,
    ramBytes,
    latency: settings.networkLatency,
    console: { stdout: keep, stderr: keep },
    events: [hash, counting],
    mounts: serverMounts(input.files),
    extensions: [installMmview, asanReports((report) => findings.add(report))],
    // A CPU must not be ahead of what a client may still answer to another one's reply.
    scheduling: { lookahead: 2 * settings.networkLatency },
  });
  const commands = configuration.form === 'melf' ? countCommands(machine, elf) : undefined;
  const server = machine.spawn(elf, {
    argv: serverCommand({
      port,
      threads: settings.threads,
      maxConnections: load.connections + otherConnections,
    }),
    env: [asanOptions(configuration.form), tunables],
    exe: serverProgram,
  });

  watch(server, file);

  const { timers } = machine.kernel;
  const trace = input.trace === undefined ? undefined : new ChromeTrace();
  const streams = randomStreams(seed, 2 * load.connections + 1);
  const order = streams[2 * load.connections]!.permutation(load.connections);
  let [startTime, hostStart] = [Number.NaN, Number.NaN];
  let before = readCounters(machine, server, counting);
  let after = before;
  const clients = new MariadbClients({
    world: worldOf(machine, port),
    load,
    streams,
    sanitised: sanitisedConnections(configuration, order),
    planting: configuration.planted,
    commanding: configuration.commands,
    events: {
      onListening: (now) => {
        if (Number.isNaN(startTime)) [startTime, hostStart] = [now, performance.now()];
      },
      onWindowStart: (now) => {
        before = readCounters(machine, server, counting);
        const detach = trace === undefined ? undefined : machine.events.attach(trace);
        // Set in every run: what is watched must not run differently from what is not.
        timers.at(now + Math.min(tracedTime, load.window), () => detach?.());
      },
      onWindowEnd: () => {
        after = readCounters(machine, server, counting);
      },
    },
  });
  clients.start(1e6);
  machine.run({ maxTime: mostTime });

  const { end } = server;
  if (end === undefined || end.signal !== undefined) {
    throw new MelfError('run.server', `MariaDB ended by signal ${end?.signal}`, { facts: { output: output.trim() } });
  }
  const result = clients.result();
  if (trace !== undefined && input.trace !== undefined) writeFileSync(input.trace, trace.toString());
  const record: RunRecord = {
    configuration: input.configuration,
    seed,
    performance: result.performance.recorded(),
    sanitised: result.sanitised.recorded(),
    window: { from: result.windowStart, to: result.windowEnd },
    measured: result.measured,
    statements: result.statements,
    planted: result.planted,
    connections: result.connections,
    commands: result.commands,
    entries: commands?.(),
    switches: counting.switches,
    wrong: result.wrong,
    wrongCount: result.wrongCount,
    errors: findings.errors,
    example: findings.example,
    exitCode: end.code,
    ...windowCounters(before, after, load.window),
    traceHash: hash.digest(),
    events: hash.events,
    unimplemented: Object.fromEntries(machine.kernel.unimplemented),
    startTime,
    hostSeconds: (performance.now() - started) / 1e3,
    hostStartSeconds: (hostStart - started) / 1e3,
  };
  machine.close();
  return record;
}
