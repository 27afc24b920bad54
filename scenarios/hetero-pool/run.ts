// The runs of one machine and one list of jobs, in a process of their own.

import { readFileSync, writeFileSync } from 'node:fs';
import { ChromeTrace } from '../../emulator/events/chrome-trace.ts';
import { TraceHash } from '../../emulator/events/trace-hash.ts';
import { Machine } from '../../emulator/machine.ts';
import { cpuCount } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { CpuVariantPolicy } from '../../overlay/cpu-variant-policy.ts';
import { OverlayManager } from '../../overlay/manager.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { SigillPolicy } from '../../overlay/sigill-policy.ts';
import { nameVariants } from '../../overlay/variant-names.ts';
import { describeFailure } from '../runner/jobs.ts';
import { type Configuration, configurationNamed } from './configurations.ts';
import { ExtensionWatch } from './extension-watch.ts';
import { PoolObserver } from './observers.ts';
import type { BatchFailure, BatchInput, BatchOutput, DoneJob, PoolRun } from './run-record.ts';
import { extensionFeatures, type Variant, variantNames } from './variants.ts';

const jobsPath = '/jobs';
const resultsPath = '/results';
/** Far above what any run needs: a pool that hangs ends here. */
const mostTime = 600e9;
const ramBytes = 256 * 2 ** 20;
const keptOutput = 4000;

const jobLines = ({ jobs }: BatchInput): string =>
  jobs.map((job) => `${job.class} ${job.kernel} ${job.rounds} ${job.input}\n`).join('');

/** The lines that guest/pool.c writes. */
function readResults(bytes: Uint8Array | undefined): DoneJob[] {
  if (bytes === undefined) return [];
  const lines = Buffer.from(bytes).toString('latin1').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [job, , tid, cpu, , start, end, result] = line.split(' ').map(Number) as number[];
      return { job: job!, tid: tid!, cpu: cpu!, start: start!, end: end!, result: result! };
    });
}

/** Variants that the executable's only view, or each of its views, shows. */
function variantOfView({ form, id }: Configuration): (view: number) => Variant {
  if (form === 'melf') return (view) => variantNames[Math.min(view, 1)]!;
  const only: Variant = form === 'ext' || id === 'ifunc-extended' ? 'ext' : 'base';
  return () => only;
}

async function runOne(input: BatchInput, configuration: Configuration): Promise<PoolRun> {
  const started = performance.now();
  const { isa, machine: description, seed } = input;
  let output = '';
  const keep = (bytes: Uint8Array): void => {
    output = (output + Buffer.from(bytes).toString('latin1')).slice(-keptOutput);
  };
  const hash = new TraceHash();
  const observer = new PoolObserver();
  const tracePath = input.traces[configuration.id];
  const trace = tracePath === undefined ? undefined : new ChromeTrace({ viewNames: [...variantNames] });
  const machine = await Machine.create({
    description,
    costModel: input.costModel,
    seed,
    ramBytes,
    console: { stdout: keep, stderr: keep },
    events: [hash, observer, ...(trace === undefined ? [] : [trace])],
    extensions: [installMmview],
  });
  const { kernel } = machine;
  machine.files.putFile(jobsPath, Buffer.from(jobLines(input)), 0o644);
  const elf = readFileSync(input.executables[configuration.form]);
  const file = readMelf(elf);
  nameVariants(kernel, file);
  const cpus = cpuCount(description);
  const { startsOn, dispatch, pinned, switching, policy, workersPerCpu } = configuration;
  const start = startsOn === undefined ? undefined : startsOn === 'plain' ? 0 : cpus - 1;
  const pool = machine.spawn(elf, {
    argv: [
      'pool',
      jobsPath,
      resultsPath,
      `workers=${Math.round(cpus * workersPerCpu)}`,
      `dispatch=${dispatch}`,
      `pin=${pinned ? 1 : 0}`,
      `switch=${switching ? 1 : 0}`,
      `needs=${extensionFeatures[isa].join(',')}`,
    ],
    exe: '/pool',
    ...(start === undefined ? {} : { affinity: new Set([start]) }),
  });
  const watch = new ExtensionWatch(kernel, pool, configuration.form === 'melf' ? input.watched : []);
  let lessons = (): string[] => [];
  if (policy !== undefined) {
    const manager = new OverlayManager(pool, file);
    if (policy === 'sigill') {
      const sigill = new SigillPolicy(kernel, manager, ['ext', 'base']);
      lessons = () =>
        sigill.lessons.map(
          ({ kind, variant, feature, instruction }) => `${kind} CPUs lack ${feature} (${instruction}): not ${variant}`,
        );
      // Nobody knows better at first: everything starts in the variant that promises most.
      for (const thread of pool.threads.values()) manager.switch(thread, manager.indexOf('ext'));
    } else {
      new CpuVariantPolicy(kernel, manager, [
        { variant: 'ext', features: extensionFeatures[isa] },
        { variant: 'base', features: [] },
      ]);
    }
  }
  const { time, instructions } = machine.run({ maxTime: mostTime });
  if (trace !== undefined && tracePath !== undefined) writeFileSync(tracePath, trace.toString());
  const done = readResults(machine.files.fileBytes(resultsPath));
  const run: PoolRun = {
    configuration: configuration.id,
    signal: pool.end?.signal,
    exitCode: pool.end?.code,
    output: output.trim(),
    done,
    segments: input.recording ? observer.segments(done, variantOfView(configuration)) : [],
    refusals: observer.refusals,
    absent: watch.absent,
    extensionStarts: watch.starts,
    extensionEntries: watch.entries(),
    lookahead: kernel.scheduler.lookahead,
    time,
    instructions,
    cycles: kernel.scheduler.cycles,
    switches: observer.switches,
    views: observer.views,
    moves: observer.moves,
    contextSwitches: kernel.scheduler.contextSwitches,
    syscalls: observer.syscalls,
    pageFaults: observer.pageFaults,
    lessons: lessons(),
    traceHash: hash.digest(),
    unimplemented: Object.fromEntries(kernel.unimplemented),
    hostSeconds: (performance.now() - started) / 1e3,
  };
  machine.close();
  return run;
}

/** Runs the batch's configurations one after the other; one that fails does not keep the others from running. */
export async function run(input: BatchInput): Promise<BatchOutput> {
  const runs: PoolRun[] = [];
  const failures: BatchFailure[] = [];
  for (const id of input.configurations) {
    try {
      runs.push(await runOne(input, configurationNamed(id)));
    } catch (error) {
      const { code, message, hint } = describeFailure(error);
      failures.push({ configuration: id, code, message, hint });
    }
  }
  return { runs, failures };
}
