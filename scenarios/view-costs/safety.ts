// What it takes to look at the stack before every switch.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { installMmview } from '../../overlay/mmview.ts';
import { type SafetyMode, SwitchSafety, safetyModes } from '../../overlay/safety/switch-safety.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import type { Check } from '../runner/checks.ts';
import { linkGuestExecutable } from '../runner/guest-executable.ts';
import { compileGuestObject, interfaceFlags } from '../runner/guest-object.ts';
import type { TextTable } from '../runner/text-table.ts';

const guest = join(import.meta.dirname, 'guest');
const libmelf = join(import.meta.dirname, '../../overlay/guest/libmelf');
/** `-fno-optimize-sibling-calls`: each function is to have a frame. */
const flags = [
  '-O2',
  '-ffunction-sections',
  '-fno-pie',
  '-fno-inline',
  '-fno-optimize-sibling-calls',
  ...interfaceFlags,
];
const variants = ['first', 'second'];
const depths = [1, 16, 128];
const switchCount = 200;

export interface SafetyRecord {
  readonly isa: Isa;
  readonly mode: SafetyMode;
  /** Common functions on the stack below main. */
  readonly functions: number;
  readonly switches: number;
  /** Stacks that were unwound, and frames met in all of them. */
  readonly unwinds: number;
  readonly frames: number;
  readonly unsafe: number;
  /** Of the whole run. Looking is done by the host: it is no work of the modelled kernel. */
  readonly instructions: number;
  readonly cycles: number;
  /** Of the whole run, beside it: the host's CPU time differs from run to run. */
  readonly hostMilliseconds: number;
}

/** The program with its two variants. */
export async function ensureSafetyProgram(isa: Isa): Promise<string> {
  const toolchain = await ensureToolchain(isa);
  const own = isa === 'x86-64' ? flags : flags.filter((flag) => !flag.startsWith('-fcf-protection'));
  const object = (source: string, more: readonly string[] = []): Promise<string> =>
    compileGuestObject(toolchain, { source, flags: [...own, ...more], includes: [libmelf] });
  const source = join(guest, 'safety.c');
  const { crt, libc, libgcc } = toolchain;
  const common = [crt.crt1, crt.crti, await object(source), await object(join(libmelf, 'melf.c'))];
  const inputs = common.map((path): { path: string; variant?: string; unit?: string } => ({ path }));
  for (const [index, variant] of variants.entries())
    inputs.push({ path: await object(source, [`-DVARIANT_CODE=${index}`]), variant, unit: 'safety' });
  inputs.push(...[libc, libgcc, crt.crtn].map((path) => ({ path })));
  const options = { isa, inputs, variants: variants.map((name) => ({ name })) };
  return linkGuestExecutable({ name: 'safety', label: `linked the switching program (${isa})`, options, toolchain });
}

async function measure(isa: Isa, elf: Uint8Array, mode: SafetyMode, functions: number): Promise<SafetyRecord> {
  const machine = await Machine.create({
    description: loadMachine('uniform-1', isa),
    ramBytes: 64 * 2 ** 20,
    extensions: [installMmview],
  });
  const process_ = machine.spawn(elf, { argv: ['safety', `${functions}`, `${switchCount}`] });
  const safety = new SwitchSafety(readMelf(elf), mode);
  safety.watch(process_);
  const before = process.cpuUsage();
  machine.run({ maxTime: 60e9 });
  const { user, system } = process.cpuUsage(before);
  const { scheduler } = machine.kernel;
  machine.close();
  if (process_.exitCode !== 0)
    throw new MelfError('view-costs.safety', `the switching program ended with ${process_.exitCode}`, {
      facts: { isa, mode, functions },
    });
  return {
    isa,
    mode,
    functions,
    switches: switchCount,
    unwinds: safety.checks,
    frames: safety.framesWalked,
    unsafe: safety.reports.length,
    instructions: scheduler.instructions,
    cycles: scheduler.cycles,
    hostMilliseconds: (user + system) / 1000,
  };
}

/** Every mode at every depth. */
export async function measureSafety(isa: Isa): Promise<SafetyRecord[]> {
  const elf = new Uint8Array(readFileSync(await ensureSafetyProgram(isa)));
  await measure(isa, elf, 'warn', 1); // the host's own warming up
  const records: SafetyRecord[] = [];
  for (const functions of depths)
    for (const mode of safetyModes) records.push(await measure(isa, elf, mode, functions));
  return records;
}

/** A row for each run. Host time is what remains above the run that does not look, per switch. */
export function safetyTable(records: readonly SafetyRecord[]): TextTable {
  return {
    head: [
      'ISA',
      'functions on the stack',
      '--switch-safety',
      'unwinds',
      'frames each',
      'unsafe',
      'cycles',
      'host, each look',
    ],
    rows: records.map((one) => {
      const calm = records.find(
        ({ isa, functions, mode }) => isa === one.isa && functions === one.functions && mode === 'off',
      )!;
      const host = one.unwinds === 0 ? 0 : ((one.hostMilliseconds - calm.hostMilliseconds) * 1000) / one.unwinds;
      return [
        one.isa,
        `${one.functions}`,
        one.mode,
        `${one.unwinds}`,
        one.unwinds === 0 ? '–' : (one.frames / one.unwinds).toFixed(1),
        `${one.unsafe}`,
        `${Math.round(one.cycles)}`,
        one.unwinds === 0 ? '–' : `${host.toFixed(0)} µs`,
      ];
    }),
  };
}

export function safetyChecks(records: readonly SafetyRecord[]): Check[] {
  const calm = records.filter(({ mode }) => mode === 'off');
  const same = records.every(({ isa, functions, instructions, cycles }) => {
    const of = calm.find((one) => one.isa === isa && one.functions === functions)!;
    return of.instructions === instructions && of.cycles === cycles;
  });
  const looked = records.filter(({ mode }) => mode !== 'off');
  return [
    {
      name: 'looking at the stack before a switch changes nothing in the guest',
      ok: same,
      detail: `${calm.map(({ cycles }) => Math.round(cycles)).join(', ')} cycles without`,
    },
    {
      name: 'every switch is looked at, and every function on the stack is met',
      ok: looked.every(
        ({ unwinds, switches, frames, functions }) => unwinds >= switches && frames > functions * switches,
      ),
      detail: looked.map(({ unwinds, frames }) => `${frames} frames in ${unwinds}`).join(', '),
    },
    {
      name: 'no switch from common code is called unsafe',
      ok: looked.every(({ unsafe }) => unsafe === 0),
      detail: looked.map(({ unsafe }) => unsafe).join(', '),
    },
  ];
}
