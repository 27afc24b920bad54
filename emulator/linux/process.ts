import type { AddressSpace } from '../memory/address-space.ts';
import type { CrashReport } from './crash-report.ts';
import { type Credentials, rootCredentials } from './credentials.ts';
import type { SymbolTable } from './elf-image.ts';
import type { FileTable } from './files/file-table.ts';
import type { FsContext } from './files/fs-context.ts';
import { FutexTable } from './futex.ts';
import type { Kernel } from './kernel.ts';
import { ProcessTimers } from './process-timers.ts';
import { ResourceLimits } from './resource-limits.ts';
import {
  DEFAULT_ACTION,
  defaultAction,
  PendingSignals,
  SIG_DFL,
  SIG_IGN,
  SIGNAL_COUNT,
  type SigAction,
  type SignalInfo,
  signalBit,
} from './signals.ts';
import type { Thread } from './thread.ts';
import { WaitQueue } from './wait.ts';

/** How a process ended: by exit_group (or its last thread's exit), or by a signal. */
export interface ProcessEnd {
  /** What a shell shows: the exit code, or 128 + signal. */
  readonly code: number;
  readonly signal?: number;
  /** Where it was, if the signal tells of an error. */
  readonly crash?: CrashReport;
}

export interface ProcessOptions {
  readonly kernel: Kernel;
  readonly pid: number;
  readonly space: AddressSpace;
  readonly files: FileTable;
  readonly fs: FsContext;
  /** Path of the executable in the guest. */
  readonly exe: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly symbols: SymbolTable;
  /** Address of our sigreturn instructions. */
  readonly sigreturnTrampoline: number;
  /** Of a process that another one made: whose child it is, and what it has of the one that made it. */
  readonly inherited?: Inheritance;
}

/** What a forked process gets of its maker. */
export interface Inheritance {
  readonly maker: Process;
  /** The maker, or with CLONE_PARENT the maker's own parent. */
  readonly parent: Process | undefined;
  /** The very same (CLONE_SIGHAND) or a copy. */
  readonly actions: SigAction[];
  /** The very same where the memory is. */
  readonly futexes: FutexTable;
  /** Signal that tells the parent of its end; 0 = none. */
  readonly exitSignal: number;
}

/** A guest process: what its threads share. execve changes much of it. */
export class Process {
  readonly kernel: Kernel;
  readonly pid: number;
  space: AddressSpace;
  files: FileTable;
  readonly fs: FsContext;
  exe: string;
  argv: readonly string[];
  env: readonly string[];
  symbols: SymbolTable;
  readonly sigreturnTrampoline: number;
  /** Whether it runs a program that the guest itself executed. */
  isExecuted: boolean;
  /** Threads that have not exited, by tid, in the order of their creation. */
  readonly threads = new Map<number, Thread>();
  readonly credentials: Credentials;
  actions: SigAction[];
  /** Signals sent to the process as a whole. */
  readonly pending = new PendingSignals();
  /** Threads that wait on a futex word, by its address. Never keyed by view: all views of a process share its locks. */
  futexes: FutexTable;
  readonly timers: ProcessTimers;
  readonly limits: ResourceLimits;
  /** Who waits for its end; nobody for the processes that the machine was started with, and for those whose parent has ended. */
  parent: Process | undefined;
  parentPid: number;
  /** Living ones and those that nobody has waited for yet, by pid. */
  readonly children = new Map<number, Process>();
  /** Woken when a child ends. */
  readonly childEnds = new WaitQueue();
  /** Process group and session, by the pids of their leaders. */
  group: number;
  session: number;
  exitSignal: number;
  /** PR_SET_PDEATHSIG; 0 = none. */
  parentDeathSignal = 0;
  /** CPU time of children that were waited for, and of theirs, ns. */
  childrenCpuTime = 0;
  /** Whether it no longer uses its maker's memory, and woken then: what vfork waits for. */
  hasLeftMemory = false;
  readonly leftMemory = new WaitQueue();
  /** Woken when it ends. */
  readonly ended = new WaitQueue();
  end: ProcessEnd | undefined;
  /** Virtual ns at which it was started. */
  readonly startTime: number;
  /** CPU time of threads that have exited, ns. */
  finishedCpuTime = 0;

  constructor(options: ProcessOptions) {
    this.kernel = options.kernel;
    this.pid = options.pid;
    this.space = options.space;
    this.files = options.files;
    this.fs = options.fs;
    this.exe = options.exe;
    this.argv = options.argv;
    this.env = options.env;
    this.symbols = options.symbols;
    this.sigreturnTrampoline = options.sigreturnTrampoline;
    const { inherited } = options;
    const maker = inherited?.maker;
    this.isExecuted = maker?.isExecuted ?? false;
    this.credentials = maker === undefined ? rootCredentials() : { ...maker.credentials };
    this.limits = maker?.limits.copy() ?? new ResourceLimits();
    this.actions = inherited?.actions ?? new Array<SigAction>(SIGNAL_COUNT + 1).fill(DEFAULT_ACTION);
    this.futexes = inherited?.futexes ?? new FutexTable();
    this.parent = inherited?.parent;
    this.parentPid = this.parent?.pid ?? 0;
    this.parent?.children.set(this.pid, this);
    this.group = maker?.group ?? this.pid;
    this.session = maker?.session ?? this.pid;
    this.exitSignal = inherited?.exitSignal ?? 0;
    this.timers = new ProcessTimers(this);
    this.startTime = options.kernel.now();
  }

  /** It executes another program or has ended: whoever shares its memory has that for itself now. */
  leaveMemory(now: number): void {
    this.hasLeftMemory = true;
    this.leftMemory.wake(now);
  }

  get exitCode(): number | undefined {
    return this.end?.code;
  }

  /** CPU time of all its threads so far, ns. */
  get cpuTime(): number {
    let sum = this.finishedCpuTime;
    for (const thread of this.threads.values()) sum += this.kernel.scheduler.cpuTimeOf(thread);
    return sum;
  }

  ignores(signo: number): boolean {
    const { handler } = this.actions[signo]!;
    return handler === SIG_IGN || (handler === SIG_DFL && defaultAction(signo) === 'ignore');
  }

  /** Sends a signal to the process: any thread that does not block it will take it. */
  raise(info: SignalInfo): void {
    const bit = signalBit(info.signo);
    const threads = [...this.threads.values()];
    const taker = threads.find((thread) => (thread.signalMask & bit) === 0n || (thread.waitedSignals & bit) !== 0n);
    if (taker !== undefined && this.ignores(info.signo) && (taker.waitedSignals & bit) === 0n) return;
    this.pending.add(info);
    taker?.noticeSignals();
  }
}
