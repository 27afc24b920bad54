import { readFileSync, readSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { defineCommand } from 'citty';
import pc from 'picocolors';
import { integerValue, parseCommandLine, UsageError } from '../base/arguments.ts';
import { ChromeTrace } from '../emulator/events/chrome-trace.ts';
import { TraceHash } from '../emulator/events/trace-hash.ts';
import { formatCrash } from '../emulator/linux/crash-report.ts';
import { elfMachine } from '../emulator/linux/elf-image.ts';
import type { HostMount } from '../emulator/linux/files/file-tree.ts';
import type { ConsoleSinks } from '../emulator/linux/kernel.ts';
import { Machine } from '../emulator/machine.ts';
import { Realtime } from '../emulator/realtime.ts';
import { loadMachine } from '../emulator/scheduler/machine-description.ts';
import { type CostModelName, costModelNames } from '../emulator/timing/cost-model.ts';
import { type ViewModelName, viewModelNames } from '../emulator/timing/kernel-costs.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { ChaosSwitcher } from '../overlay/chaos.ts';
import { inProcess } from '../overlay/load-bias.ts';
import { OverlayManager } from '../overlay/manager.ts';
import { hasLibmelf, heedsManager, outsideManager } from '../overlay/manager-setting.ts';
import { SafetyWatch } from '../overlay/safety/safety-watch.ts';
import { type SafetyMode, safetyModes } from '../overlay/safety/switch-safety.ts';
import { type Personality, personalities, personalityExtension } from '../overlay/separate-calls.ts';
import { ensureEngine } from '../setup/engine.ts';
import { AsanReports, sanitisedVariant, startSetting } from './run-asan.ts';

/** Some minutes: an endless loop ends by itself, and says where it was. */
const mostInstructions = 1e11;

const command = defineCommand({
  meta: { name: 'melf run', description: 'Run a static x86-64 or AArch64 Linux program on emulated cores' },
  args: {
    file: { type: 'positional', required: true, description: 'The program' },
    env: { type: 'string', description: 'NAME=VALUE for the guest, repeatable; it inherits nothing else' },
    root: { type: 'string', description: "DIR[:rw]: the guest's root; without :rw it can change nothing on the host" },
    isa: { type: 'enum', options: ['auto', 'x86-64', 'aarch64'], default: 'auto', description: 'Instruction set' },
    cpus: { type: 'string', description: 'Number of CPUs (default 4)' },
    machine: { type: 'string', description: 'Machine description: a ready one, or a TOML or JSON file' },
    'cost-model': { type: 'enum', options: [...costModelNames], default: 'inorder', description: 'How time passes' },
    memory: { type: 'string', default: '2048', description: 'RAM in MiB, committed when touched' },
    seed: { type: 'string', default: '1', description: 'Everything random comes from it' },
    variant: { type: 'string', description: 'Run this variant of a multivariant program' },
    asan: {
      type: 'boolean',
      description: 'Look for heap errors: start in the sanitised variant; an error makes the exit code 1',
    },
    function: { type: 'string', description: 'PATTERN=VARIANT: functions that --variant is not for, repeatable' },
    'switch-safety': {
      type: 'enum',
      options: [...safetyModes],
      default: 'off',
      description:
        'Look for multivariant code on the stack when a thread changes its variant: report it, or refuse (strict)',
    },
    'chaos-switch': { type: 'string', description: 'SEED: switch threads to random variants wherever it is safe' },
    mmview: {
      type: 'enum',
      options: [...personalities],
      default: 'mmview',
      description: 'Calls for views: the one of the final kernel, or those of 2020/21 and after',
    },
    views: {
      type: 'enum',
      options: [...viewModelNames],
      default: 'subtree',
      description: 'How views are kept: sharing page tables, or as the kernel of the paper',
    },
    publish: { type: 'string', description: 'Bind this loopback port of the host to the same port of the guest' },
    trace: { type: 'string', description: 'Write a trace for Perfetto (ui.perfetto.dev) to this file' },
    'max-instructions': {
      type: 'string',
      description: `End the run with an error after so many; 0: never (default ${mostInstructions}; with --publish never)`,
    },
    'max-time': { type: 'string', description: 'The same after so many seconds of virtual time' },
    stats: { type: 'boolean', description: 'Show what the run took' },
  },
});

/** As on x86-64 and AArch64 in the ELF header (e_machine). */
const machines: Readonly<Record<number, 'x86-64' | 'aarch64'>> = { 62: 'x86-64', 183: 'aarch64' };

function readProgram(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    throw new UsageError('run.file', `Cannot read ${path}`, {
      facts: { reason },
      hint:
        reason === 'ERR_FS_FILE_TOO_LARGE'
          ? 'It is larger than 2 GiB: strip its debug information from a copy (strip -g).'
          : 'Give the path of a static executable.',
      cause: error,
    });
  }
}

function writeTrace(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw new UsageError('run.trace', `Cannot write ${path}`, {
      facts: { reason: (error as NodeJS.ErrnoException).code },
      hint: 'Give --trace a file in a folder that you may write to.',
      cause: error,
    });
  }
}

function mountsOf(root: string | undefined): HostMount[] {
  if (root === undefined) return [];
  const isWritable = root.endsWith(':rw');
  const folder = resolve(isWritable ? root.slice(0, -3) : root);
  return [{ at: '/', folders: [folder], mode: isWritable ? 'read-write' : 'overlay' }];
}

/** Waits for input as a terminal program does: the guest has asked for it. */
function readStandardInput(into: Uint8Array): number {
  for (;;) {
    try {
      return readSync(0, into);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10); // the other end of a pipe is not blocking
    }
  }
}

const terminal: ConsoleSinks = {
  stdout: (bytes) => void process.stdout.write(bytes),
  stderr: (bytes) => void process.stderr.write(bytes),
  stdin: readStandardInput,
  remark: (message, hint) =>
    void process.stderr.write(`${pc.yellow('melf:')} ${message}${hint === undefined ? '' : ` (${hint})`}\n`),
};

/** `melf run`: the exit code is the guest's, 128 + n when signal n ended it. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv, { rest: 'verbatim' });
  if (parsed === undefined) return 0;
  const { args, all, rest } = parsed;
  const elf = readProgram(args.file);
  await ensureEngine();

  const guessed = machines[elfMachine(elf) ?? 0];
  const isa = args.isa === 'auto' ? (guessed ?? 'x86-64') : (args.isa as 'x86-64' | 'aarch64');
  const cpus = args.cpus === undefined ? 4 : integerValue('--cpus', args.cpus, 1, 64);
  if (args.machine !== undefined && args.cpus !== undefined) {
    throw new UsageError('run.cpus', '--cpus and --machine say the same', { hint: 'Give one of them.' });
  }
  for (const setting of all('env')) {
    if (!setting.includes('='))
      throw new UsageError('cli.value', `--env cannot be ${setting}`, { hint: 'Write NAME=VALUE.' });
  }
  if (args.publish !== undefined && (args['max-instructions'] ?? args['max-time']) !== undefined) {
    throw new UsageError('run.limits', 'A published program runs until it ends or is interrupted', {
      hint: 'Leave --max-instructions and --max-time away, or --publish.',
    });
  }
  const asanVariant = args.asan ? sanitisedVariant(args.file, elf) : undefined;
  const chosen = args.variant ?? asanVariant;
  const fromOutside =
    args['chaos-switch'] !== undefined ? '--chaos-switch' : all('function').length > 0 ? '--function' : undefined;
  const start = startSetting(elf, chosen);
  const settings = [
    ...(fromOutside === undefined ? [] : leaveToUs(elf, fromOutside)),
    ...(start === undefined ? [] : [start]),
  ];
  const asan = new AsanReports(args.file, elf, (text) => void process.stderr.write(text));
  if (args.trace !== undefined) writeTrace(args.trace, '');
  const machine = await Machine.create({
    description: loadMachine(args.machine ?? `uniform-${cpus}`, isa),
    costModel: args['cost-model'] as CostModelName,
    seed: integerValue('--seed', args.seed ?? '1'),
    // Who talks to real clients has their date.
    epochSeconds: args.publish === undefined ? undefined : Math.floor(Date.now() / 1000),
    ramBytes: integerValue('--memory', args.memory ?? '2048', 16, 4095) * 2 ** 20,
    console: terminal,
    mounts: mountsOf(args.root),
    views: args.views as ViewModelName,
    extensions: [personalityExtension(args.mmview as Personality), asan.extension],
  });
  const hash = args.stats ? new TraceHash() : undefined;
  const trace = args.trace === undefined ? undefined : new ChromeTrace();
  for (const sink of [hash, trace]) if (sink !== undefined) machine.events.attach(sink);

  const started = performance.now();
  const guest = machine.spawn(elf, {
    argv: [args.file, ...rest],
    env: [...settings, ...all('env')],
    exe: `/${basename(args.file)}`,
  });
  const overlay = chooseVariants(machine, guest, elf, {
    variant: fromOutside !== undefined || start === undefined ? chosen : undefined,
    functions: all('function'),
    safety: args['switch-safety'] as SafetyMode,
    chaos: args['chaos-switch'] === undefined ? undefined : integerValue('--chaos-switch', args['chaos-switch']),
  });
  try {
    if (args.publish === undefined) {
      machine.run({
        maxInstructions:
          args['max-instructions'] === undefined
            ? mostInstructions
            : integerValue('--max-instructions', args['max-instructions'], 0) || undefined,
        maxTime: args['max-time'] === undefined ? undefined : integerValue('--max-time', args['max-time'], 1) * 1e9,
      });
    } else {
      await runPublished(machine, integerValue('--publish', args.publish, 1, 65535));
    }
  } finally {
    machine.close();
    if (trace !== undefined && args.trace !== undefined) writeTrace(args.trace, trace.toString());
  }
  if (guest.end?.crash !== undefined)
    process.stderr.write(`${formatCrash(guest.end.crash)}\n${crashHint(guest.end.crash.signal)}\n`);
  if (overlay !== undefined) process.stderr.write(overlay());
  if (args.asan) process.stderr.write(asan.summary());
  if (args.stats) process.stderr.write(statistics(machine, performance.now() - started, hash));
  const code = guest.exitCode ?? 0;
  return args.asan && asan.found > 0 && code === 0 ? 1 : code;
}

function crashHint(signal: string): string {
  const lookup = 'melf addr2line tells the line of an address, --trace FILE what the threads did before';
  return `hint: ${signal === 'SIGILL' ? '--machine chooses what the CPUs have; ' : ''}${lookup}.`;
}

/** Views made from outside are in the way of a program that makes its own: the settings that keep its libmelf from it. */
function leaveToUs(elf: Uint8Array, option: string): string[] {
  if (!hasLibmelf(elf)) return [];
  if (heedsManager(elf)) {
    terminal.remark?.(
      `switches that the program asks for are only noted: ${option} chooses what it executes`,
      undefined,
    );
    return [outsideManager];
  }
  terminal.remark?.(
    `the program cannot switch by itself (EPERM): ${option} makes its views, and its libmelf does not know of that`,
    'link it again, with the libmelf of this version',
  );
  return [];
}

interface VariantChoice {
  readonly variant: string | undefined;
  readonly functions: readonly string[];
  readonly safety: SafetyMode;
  readonly chaos: number | undefined;
}

/** Patterns with their variants, in order: one that is given again counts where it is given last. */
function readPatterns(rules: readonly string[]): Record<string, string> {
  const patterns: Record<string, string> = {};
  for (const rule of rules) {
    const [, pattern, name] = /^([^=]+)=([^=]+)$/.exec(rule) ?? [];
    if (pattern === undefined || name === undefined)
      throw new UsageError('cli.value', `--function cannot be ${rule}`, { hint: 'Write PATTERN=VARIANT.' });
    delete patterns[pattern];
    patterns[pattern] = name;
  }
  return patterns;
}

/** Puts the program into its first view, and watches or makes switches. Gives what there is to tell of them afterwards. */
function chooseVariants(
  machine: Machine,
  guest: ReturnType<Machine['spawn']>,
  elf: Uint8Array,
  { variant, functions, safety: mode, chaos: seed }: VariantChoice,
): (() => string) | undefined {
  if (variant === undefined && functions.length === 0 && mode === 'off' && seed === undefined) return undefined;
  const file = inProcess(guest, readMelf(elf));
  const safety = mode === 'off' ? undefined : new SafetyWatch(guest, file, mode);
  let chaos: ChaosSwitcher | undefined;
  if (variant !== undefined || functions.length > 0 || seed !== undefined) {
    const overlay = new OverlayManager(guest, file);
    const patterns = functions.length === 0 ? {} : { functions: readPatterns(functions) };
    const view = overlay.viewFor({ default: variant ?? overlay.variants[0]!, ...patterns });
    for (const thread of guest.threads.values()) overlay.enter(thread, view);
    if (seed !== undefined) chaos = new ChaosSwitcher(machine.kernel, overlay, seed);
  }
  return () => {
    const lines: string[] = [];
    if (safety !== undefined) {
      const pages = safety.pagesSearched;
      const searched = pages === 0 ? '' : `, ${pages} pages searched for saved contexts`;
      lines.push(`${safety.checks} switches looked at, ${safety.unsafe} unsafe${searched}`);
    }
    if (chaos !== undefined) lines.push(`chaos: ${chaos.switches} switches, ${chaos.refused} not safe and not made`);
    return lines.map((line) => `${pc.dim('melf:')} ${line}\n`).join('');
  };
}

async function runPublished(machine: Machine, port: number): Promise<void> {
  const realtime = new Realtime(machine);
  const { publish } = await import('../emulator/linux/net/publish.ts');
  const published = await publish(machine.network, realtime, port);
  process.once('SIGINT', () => realtime.stop());
  process.stderr.write(`${pc.dim('melf:')} 127.0.0.1:${port} leads to the guest; Ctrl-C ends it\n`);
  try {
    await realtime.run();
  } finally {
    await published.close();
  }
}

function statistics(machine: Machine, hostMs: number, hash: TraceHash | undefined): string {
  const { scheduler, physical } = machine.kernel;
  const rows: [string, string][] = [
    ['instructions', scheduler.instructions.toLocaleString('en')],
    ['model cycles', Math.round(scheduler.cycles).toLocaleString('en')],
    ['virtual time', `${(machine.time / 1e9).toFixed(6)} s`],
    ['host time', `${(hostMs / 1e3).toFixed(2)} s`],
    ['speed', `${(scheduler.instructions / hostMs / 1e3).toFixed(1)} million instructions a second`],
    ['context switches', String(scheduler.contextSwitches)],
    ['guest memory', `${((physical.framesUsed * 4096) / 2 ** 20).toFixed(1)} MiB`],
    ['trace hash', hash?.digest() ?? ''],
  ];
  for (const [name, count] of machine.kernel.unimplemented) rows.push([`ENOSYS ${name}`, String(count)]);
  return rows.map(([name, value]) => `${name.padStart(20)}  ${value}\n`).join('');
}
