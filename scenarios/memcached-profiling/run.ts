// One run, in a process of its own: memcached on a machine, clients in virtual time, everything counted.

import { readFileSync, writeFileSync } from 'node:fs';
import { MelfError } from '../../base/errors.ts';
import { ChromeTrace } from '../../emulator/events/chrome-trace.ts';
import { TraceHash } from '../../emulator/events/trace-hash.ts';
import type { BlockCounters } from '../../emulator/linux/block-accounting.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { worldOf } from '../runner/client-world.ts';
import { CountingSink, readCounters, windowCounters } from '../runner/machine-counters.ts';
import { randomStreams } from '../runner/random.ts';
import { MemcachedClients } from './client.ts';
import { parseConfiguration, profiledConnections } from './configurations.ts';
import { storeMebibytes } from './load.ts';
import type { RunInput, RunRecord, Timeline, WatchedFunction } from './run-record.ts';
import { TimelineSink } from './timeline-sink.ts';
import { variantOfView } from './variants.ts';

const port = 11211;
const profilePath = '/tmp/profile';
/** From the start of the measurement: what a recorded run keeps for the timeline and its trace, ns. */
const recordedTime = 2e6;
/** Far above what any run needs: a server that hangs ends here. */
const mostTime = 60e9;
const keptOutput = 4000;
/** Besides the store. The host commits what is touched. */
const ramMebibytes = 448;

/** The functions that both variants have; their entries are counted in the view of `prof`. */
function watchFunctions(
  machine: Machine,
  elf: Uint8Array,
): { addresses: number[]; counters: BlockCounters } | undefined {
  const { melf } = readMelf(elf);
  if (melf === undefined || melf.variants.length < 2) return undefined;
  const addresses = melf.functions.map(({ va }) => va);
  return { addresses, counters: machine.kernel.watchBlocks(variantOfView.indexOf('prof'), addresses) };
}

function readWatched(watched: ReturnType<typeof watchFunctions>): WatchedFunction[] {
  if (watched === undefined) return [];
  const entries = watched.counters.read();
  return watched.addresses.flatMap((address, index) =>
    entries[index] === 0 ? [] : [{ address, entries: entries[index]! }],
  );
}

/** Runs one configuration with one seed. */
export async function run(input: RunInput): Promise<RunRecord> {
  const started = performance.now();
  const { load, machine: settings, seed } = input;
  const configuration = parseConfiguration(input.configuration);
  const store = storeMebibytes(load);
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output = (output + Buffer.from(bytes).toString('latin1')).slice(-keptOutput);
  };
  const hash = new TraceHash();
  const counting = new CountingSink();
  const machine = await Machine.create({
    description: loadMachine(settings.description, settings.isa),
    costModel: settings.costModel,
    coherence: settings.coherence,
    seed,
    ramBytes: (ramMebibytes + store) * 2 ** 20,
    latency: settings.networkLatency,
    console: { stdout: keep, stderr: keep },
    events: [hash, counting],
    extensions: [installMmview],
    // A CPU must not be ahead of what a client may still answer to another one's reply.
    scheduling: { lookahead: 2 * settings.networkLatency },
  });
  const elf = readFileSync(input.executable);
  const watched = watchFunctions(machine, elf);
  const server = machine.spawn(elf, {
    argv: [
      ...['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-A'],
      ...['-t', `${settings.threads}`, '-m', `${store}`],
    ],
    env: [`MELF_PROFILE_OUT=${profilePath}`],
    exe: '/memcached',
  });

  const { timers } = machine.kernel;
  const timeline = new TimelineSink();
  const trace = input.trace === undefined ? undefined : new ChromeTrace({ viewNames: variantOfView });
  let recorded: Timeline | undefined;
  /** Sets the same timer whether it records or not: what is watched must not run differently from what is not. */
  const record = (from: number): void => {
    const sinks = input.recording ? [timeline, ...(trace === undefined ? [] : [trace])] : [];
    const detach = sinks.map((sink) => machine.events.attach(sink));
    timers.at(from + Math.min(recordedTime, load.window), (to) => {
      for (const stop of detach) stop();
      if (!input.recording) return;
      const threads = Object.fromEntries([...server.threads.values()].map(({ tid, comm }) => [tid, comm]));
      recorded = { from, to, threads, slices: timeline.slices };
    });
  };

  // The last stream is for whom to profile, the one before for preparing the store.
  const streams = randomStreams(seed, load.connections + 2);
  const order = streams[load.connections + 1]!.permutation(load.connections);
  let before = readCounters(machine, server, counting);
  let after = before;
  const clients = new MemcachedClients({
    world: worldOf(machine, port),
    load,
    streams,
    profiled: profiledConnections(configuration, order, load.placement, settings.threads),
    events: {
      onWindowStart: (now) => {
        before = readCounters(machine, server, counting);
        record(now);
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
    throw new MelfError('run.server', `memcached ended by signal ${end?.signal}`, { facts: { output: output.trim() } });
  }
  const result = clients.result();
  if (trace !== undefined && input.trace !== undefined) writeFileSync(input.trace, trace.toString());
  const profile = machine.files.fileBytes(profilePath);
  const finished: RunRecord = {
    configuration: input.configuration,
    seed,
    performance: result.performance.recorded(),
    profiled: result.profiled.recorded(),
    window: { from: result.windowStart, to: result.windowEnd },
    measured: result.measured,
    requests: result.requests,
    profiledCommands: result.profiledCommands,
    wrong: result.wrong,
    wrongCount: result.wrongCount,
    exitCode: end.code,
    ...windowCounters(before, after, load.window),
    traceHash: hash.digest(),
    events: hash.events,
    unimplemented: Object.fromEntries(machine.kernel.unimplemented),
    profile: profile === undefined ? '' : Buffer.from(profile).toString('latin1'),
    watched: readWatched(watched),
    timeline: recorded,
    hostSeconds: (performance.now() - started) / 1e3,
  };
  machine.close();
  return finished;
}
