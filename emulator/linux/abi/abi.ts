import type { Core } from '../../core/core.ts';
import type { Isa } from '../../isa/isa.ts';
import type { UserMemory } from '../../memory/user-memory.ts';
import type { AlternateStack } from '../alternate-stack.ts';
import type { SigAction, SignalInfo } from '../signals.ts';

/** A register that reports show. */
export interface NamedRegister {
  readonly name: string;
  readonly id: number;
}

/** A refused access, as a signal frame tells it. */
export interface FaultDetail {
  readonly address: number;
  readonly write: boolean;
  readonly exec: boolean;
  /** A page is mapped there, without this right. */
  readonly present: boolean;
}

/** All that a handler's frame shows and that sigreturn brings back. */
export interface FrameRequest {
  readonly core: Core;
  readonly memory: UserMemory;
  readonly info: SignalInfo;
  readonly action: SigAction;
  /** Mask that sigreturn restores. */
  readonly mask: bigint;
  readonly alternateStack: AlternateStack;
  /** Top of the alternate stack when the handler is to run there. */
  readonly stackTop: number | undefined;
  readonly fault: FaultDetail | undefined;
  /** Address of our sigreturn instructions, for handlers without SA_RESTORER. */
  readonly trampoline: number;
}

export interface RestoredFrame {
  readonly mask: bigint;
  readonly alternateStack: AlternateStack;
}

/** What Linux's calling and frame conventions are on one ISA. */
export interface Abi {
  readonly isa: Isa;
  /** `e_machine` of its executables. */
  readonly elfMachine: number;
  /** `uname -m`, AT_PLATFORM. */
  readonly machineName: string;
  readonly syscalls: ReadonlyMap<number, string>;
  /** General registers, program counter and flags, in the order in which reports show them. */
  readonly registers: readonly NamedRegister[];
  /** Every register of a user thread: what clone copies. */
  readonly context: Int32Array;
  /** What is not zero in a new program's registers, besides pc and sp. */
  readonly initialRegisters: readonly (readonly [id: number, value: bigint])[];
  readonly reg: {
    readonly pc: number;
    readonly sp: number;
    readonly tls: number;
    readonly result: number;
  };
  /** Bytes of the instruction that makes a system call: how far a restart goes back. */
  readonly syscallSize: number;
  /** Machine code that calls rt_sigreturn. */
  readonly sigreturnCode: Uint8Array;
  /** AT_HWCAP and AT_HWCAP2 for a CPU with these features. */
  hwcaps(features: readonly string[]): readonly [number, number];
  /** The fourth and fifth argument of clone(2) are swapped between the ISAs: [tls, child tid]. */
  cloneArguments(a3: number, a4: number): readonly [tls: number, childTid: number];
  /** Makes the call that the core has just made happen again. */
  restartSyscall(core: Core): void;
  /** Stack pointer lies in the red zone's or the frame's conventions: writes a frame and lets the core go on in the handler. */
  writeFrame(request: FrameRequest): void;
  /** Undoes {@link writeFrame} for the frame at the core's stack pointer. */
  restoreFrame(core: Core, memory: UserMemory): RestoredFrame;
}

/** Bytes of a siginfo_t (both ISAs are 64 bit and little endian). */
export const SIGINFO_SIZE = 128;

/** Writes `siginfo_t` at `at` (asm-generic/siginfo.h). */
export function encodeSigInfo(view: DataView, at: number, info: SignalInfo): void {
  view.setInt32(at, info.signo, true);
  view.setInt32(at + 8, info.code, true);
  if (info.address !== undefined) {
    view.setBigUint64(at + 16, BigInt.asUintN(64, BigInt(info.address)), true);
    return;
  }
  view.setInt32(at + 16, info.timerId ?? info.pid ?? 0, true);
  view.setInt32(at + 20, info.overrun ?? info.uid ?? 0, true);
  if (info.status !== undefined) view.setInt32(at + 24, info.status, true);
  else view.setBigUint64(at + 24, BigInt.asUintN(64, info.value ?? 0n), true);
}
