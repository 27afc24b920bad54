import type { CpuKind } from './cpu-kind.ts';
import type { Thread } from './thread.ts';

/** An instruction that the CPU refused. */
export interface IllegalInstruction {
  readonly pc: number;
  /** As the disassembler writes it. */
  readonly instruction: string;
  /** What the CPU would need, as /proc/cpuinfo calls it; absent for what is no instruction anywhere. */
  readonly feature: string | undefined;
}

/** What somebody outside the guest does about CPUs of several kinds. Every part is optional. */
export interface CpuPolicy {
  /**
   * The CPU refused an instruction. Returns true when the thread is to execute it again, elsewhere or as other code; otherwise it gets SIGILL,
   * unless another policy knows better.
   */
  onIllegalInstruction?(thread: Thread, what: IllegalInstruction): boolean;
  /** The thread is about to run on a CPU of this kind for the first time, or after one of another kind. */
  onKind?(thread: Thread, kind: CpuKind): void;
  /** Whether the thread may go to a CPU of this kind, another than its present one, where it stands. */
  allowsMove?(thread: Thread, kind: CpuKind): boolean;
  /** A system call has ended: what is on the stack now can be looked at. Not called for one that ended the thread. */
  afterSyscall?(thread: Thread): void;
  /** The thread's slice ends in the midst of its code, between two blocks. */
  onPreemption?(thread: Thread): void;
}
