// One run, in a process of its own: MariaDB on a machine, clients in virtual time, everything counted.

import { readFileSync, writeFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import { ChromeTrace } from '../../emulator/events/chrome-trace.ts';
import { TraceHash } from '../../emulator/events/trace-hash.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { asanReports } from '../../overlay/asan/asan-call.ts';
import type { AsanReport } from '../../overlay/asan/report-record.ts';
import { callSites, formatReport } from '../../overlay/asan/report-text.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { Symboliser } from '../../overlay/symboliser.ts';
import { worldOf } from '../runner/client-world.ts';
import { CountingSink, readCounters, windowCounters } from '../runner/machine-counters.ts';
import { randomStreams } from '../runner/random.ts';
import { MariadbClients } from './client.ts';
import { parseConfiguration, sanitisedConnections } from './configurations.ts';
import type { Form } from './executable.ts';
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
  first: string | undefined;
  readonly #names: Symboliser;

  constructor(elf: Uint8Array) {
    this.#names = new Symboliser(readMelf(elf));
  }

  add(report: AsanReport): void {
    const named = (stack: readonly number[] = []): string[] => callSites(stack).map((pc) => this.#names.at(pc));
    this.first ??= formatReport(report, this.#names);
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

/** Runs one configuration with one seed. */
export async function run(input: RunInput): Promise<RunRecord> {
  const started = performance.now();
  const { load, machine: settings, seed } = input;
  const configuration = parseConfiguration(input.configuration);
  const elf = readFileSync(input.executable);
  const findings = new Findings(elf);
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
  const server = machine.spawn(elf, {
    argv: serverCommand({
      port,
      threads: settings.threads,
      maxConnections: load.connections + otherConnections,
    }),
    env: [asanOptions(configuration.form), tunables],
    exe: serverProgram,
  });

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
    wrong: result.wrong,
    wrongCount: result.wrongCount,
    errors: findings.errors,
    firstReport: findings.first,
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
