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

interface Setting {
  /** Common functions on the stack below main. */
  readonly functions: number;
  readonly switches: number;
  /** Memory in use. */
  readonly memoryMib: number;
  /** The program calls setjmp: its memory is searched for saved contexts. */
  readonly savesContexts: boolean;
}

const settings: readonly Setting[] = [
  ...[1, 16, 128].map((functions) => ({ functions, switches: 200, memoryMib: 0, savesContexts: false })),
  ...[1, 4, 16].map((memoryMib) => ({ functions: 1, switches: 20, memoryMib, savesContexts: true })),
];

export interface SafetyRecord extends Setting {
  readonly isa: Isa;
  readonly mode: SafetyMode;
  /** Stacks that were unwound, and frames met in all of them. */
  readonly unwinds: number;
  readonly frames: number;
  readonly unsafe: number;
  /** Pages of memory searched for saved contexts, in all looks. */
  readonly pagesSearched: number;
  /** Of the whole run. Looking is done by the host: it is no work of the modelled kernel. */
  readonly instructions: number;
  readonly cycles: number;
  /** Of the whole run, beside it: the host's CPU time differs from run to run. */
  readonly hostMilliseconds: number;
}

/** The program with its two variants. */
export async function ensureSafetyProgram(isa: Isa, savesContexts: boolean): Promise<string> {
  const toolchain = await ensureToolchain(isa);
  const own = isa === 'x86-64' ? flags : flags.filter((flag) => !flag.startsWith('-fcf-protection'));
  const object = (source: string, more: readonly string[] = []): Promise<string> =>
    compileGuestObject(toolchain, { source, flags: [...own, ...more], includes: [libmelf] });
  const source = join(guest, 'safety.c');
  const { crt, libc, libgcc } = toolchain;
  const common = [
    crt.crt1,
    crt.crti,
    await object(source, savesContexts ? ['-DCONTEXTS'] : []),
    await object(join(libmelf, 'melf.c')),
  ];
  const inputs = common.map((path): { path: string; variant?: string; unit?: string } => ({ path }));
  for (const [index, variant] of variants.entries())
    inputs.push({ path: await object(source, [`-DVARIANT_CODE=${index}`]), variant, unit: 'safety' });
  inputs.push(...[libc, libgcc, crt.crtn].map((path) => ({ path })));
  const options = { isa, inputs, variants: variants.map((name) => ({ name })) };
  const label = `linked the switching program${savesContexts ? ' that saves contexts' : ''} (${isa})`;
  return linkGuestExecutable({ name: 'safety', label, options, toolchain });
}

async function measure(isa: Isa, elf: Uint8Array, mode: SafetyMode, setting: Setting): Promise<SafetyRecord> {
  const { functions, switches, memoryMib } = setting;
  const machine = await Machine.create({
    description: loadMachine('uniform-1', isa),
    ramBytes: 64 * 2 ** 20,
    extensions: [installMmview],
  });
  const process_ = machine.spawn(elf, { argv: ['safety', `${functions}`, `${switches}`, `${memoryMib}`] });
  const safety = new SwitchSafety(readMelf(elf), mode);
  safety.watch(process_);
  const before = process.cpuUsage();
  machine.run({ maxTime: 60e9 });
  const { user, system } = process.cpuUsage(before);
  const { scheduler } = machine.kernel;
  machine.close();
  if (process_.exitCode !== 0)
    throw new MelfError('view-costs.safety', `the switching program ended with ${process_.exitCode}`, {
      facts: { isa, mode, functions, memoryMib },
    });
  return {
    ...setting,
    isa,
    mode,
    unwinds: safety.checks,
    frames: safety.framesWalked,
    unsafe: safety.reports.length,
    pagesSearched: safety.pagesSearched,
    instructions: scheduler.instructions,
    cycles: scheduler.cycles,
    hostMilliseconds: (user + system) / 1000,
  };
}

/** Every mode in every setting. */
export async function measureSafety(isa: Isa): Promise<SafetyRecord[]> {
  const load = async (savesContexts: boolean): Promise<Uint8Array> =>
    new Uint8Array(readFileSync(await ensureSafetyProgram(isa, savesContexts)));
  const [plain, saving] = [await load(false), await load(true)];
  for (const elf of [plain, saving]) await measure(isa, elf, 'warn', settings[0]!); // the host's own warming up
  const records: SafetyRecord[] = [];
  for (const setting of settings)
    for (const mode of safetyModes)
      records.push(await measure(isa, setting.savesContexts ? saving : plain, mode, setting));
  return records;
}

/** The run of the same program in the same setting that does not look. */
const calmOf = (records: readonly SafetyRecord[], one: SafetyRecord): SafetyRecord =>
  records.find(
    ({ isa, mode, functions, memoryMib }) =>
      mode === 'off' && isa === one.isa && functions === one.functions && memoryMib === one.memoryMib,
  )!;

/** A row for each run. Host time is what remains above the run that does not look, per switch. */
export function safetyTable(records: readonly SafetyRecord[]): TextTable {
  return {
    head: [
      'ISA',
      'functions on the stack',
      'memory, calls setjmp',
      '--switch-safety',
      'unwinds',
      'frames each',
      'pages searched each',
      'unsafe',
      'cycles',
      'host, each look',
    ],
    rows: records.map((one) => {
      const calm = calmOf(records, one);
      const each = (count: number): string => (one.unwinds === 0 ? '–' : (count / one.unwinds).toFixed(1));
      const host = one.unwinds === 0 ? 0 : ((one.hostMilliseconds - calm.hostMilliseconds) * 1000) / one.unwinds;
      return [
        one.isa,
        `${one.functions}`,
        one.savesContexts ? `${one.memoryMib} MiB, yes` : 'little, no',
        one.mode,
        `${one.unwinds}`,
        each(one.frames),
        each(one.pagesSearched),
        `${one.unsafe}`,
        `${Math.round(one.cycles)}`,
        one.unwinds === 0 ? '–' : `${host.toFixed(0)} µs`,
      ];
    }),
  };
}

export function safetyChecks(records: readonly SafetyRecord[]): Check[] {
  const calm = records.filter(({ mode }) => mode === 'off');
  const same = records.every((one) => {
    const { instructions, cycles } = calmOf(records, one);
    return one.instructions === instructions && one.cycles === cycles;
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
      name: 'memory is searched for saved contexts at each switch, all that is in use, where the program can save some; else none',
      ok: looked.every(({ savesContexts, memoryMib, unwinds, pagesSearched }) =>
        savesContexts ? pagesSearched >= memoryMib * 256 * unwinds && pagesSearched > 0 : pagesSearched === 0,
      ),
      detail: looked.map(({ pagesSearched, unwinds }) => `${pagesSearched} pages in ${unwinds}`).join(', '),
    },
    {
      name: 'no switch from common code is called unsafe',
      ok: looked.every(({ unsafe }) => unsafe === 0),
      detail: looked.map(({ unsafe }) => unsafe).join(', '),
    },
  ];
}
