import type { SymbolTable } from './elf-image.ts';
import { type SignalInfo, signalName } from './signals.ts';
import type { Thread } from './thread.ts';

/** Where a guest was when a signal ended it. */
export interface CrashReport {
  readonly signal: string;
  readonly code: number;
  readonly pid: number;
  readonly tid: number;
  readonly comm: string;
  readonly view: number;
  readonly pc: number;
  /** "function+0x12" where the executable has symbols. */
  readonly symbol: string | undefined;
  /** Address and kind of the refused access. */
  readonly address: number | undefined;
  readonly access: 'read' | 'write' | 'execute' | undefined;
  readonly registers: readonly (readonly [name: string, value: bigint])[];
  readonly time: number;
}

/** As C writes it: 0x and lower-case digits. */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** "name+0x12" of a code address. */
export function symbolized(symbols: SymbolTable, va: number): string | undefined {
  const found = symbols.functionAt(va);
  if (found === undefined) return undefined;
  return va === found.address ? found.name : `${found.name}+${hex(va - found.address)}`;
}

/** Where and how a thread is dying; to be called while its memory and registers are still there. */
export function crashReport(thread: Thread, info: SignalInfo): CrashReport {
  const { core, process, kernel, fault } = thread;
  const pc = core.pc;
  return {
    signal: signalName(info.signo),
    code: info.code,
    pid: process.pid,
    tid: thread.tid,
    comm: thread.comm,
    view: thread.view,
    pc,
    symbol: symbolized(process.symbols, pc),
    address: fault?.address ?? info.address,
    access: fault === undefined ? undefined : fault.exec ? 'execute' : fault.write ? 'write' : 'read',
    registers: kernel.abi.registers.map(({ name, id }) => [name, core.reg(id)] as const),
    time: thread.now(),
  };
}

/** The report as lines for a terminal. */
export function formatCrash(crash: CrashReport): string {
  const where = crash.symbol === undefined ? hex(crash.pc) : `${hex(crash.pc)} (${crash.symbol})`;
  const lines = [`guest thread ${crash.tid} (${crash.comm}) died by ${crash.signal} at ${where}`];
  if (crash.signal === 'SIGILL') lines.push('  illegal instruction');
  else if (crash.address !== undefined) lines.push(`  ${crash.access ?? 'access'} of ${hex(crash.address)}`);
  if (crash.view !== 0) lines.push(`  in view ${crash.view}`);
  for (let index = 0; index < crash.registers.length; index += 4) {
    const row = crash.registers.slice(index, index + 4);
    lines.push(
      `  ${row.map(([name, value]) => `${name.padStart(6)} ${value.toString(16).padStart(16, '0')}`).join(' ')}`,
    );
  }
  return lines.join('\n');
}
