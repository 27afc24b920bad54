import { OutOfMemory } from '../memory/physical.ts';
import { UserFault } from '../memory/user-memory.ts';
import { bequeath } from './children.ts';
import { type CrashReport, crashReport } from './crash-report.ts';
import { wakeFutex } from './futex.ts';
import type { Kernel } from './kernel.ts';
import type { Process, ProcessEnd } from './process.ts';
import { wakeRobustFutexes } from './robust-list.ts';
import { Signal, type SignalInfo, signalName } from './signals.ts';
import type { Thread } from './thread.ts';

/** Signals whose default action dumps core (signal(7)): the run then reports where the guest was. */
const crashes = new Set<number>([
  Signal.SIGQUIT,
  Signal.SIGILL,
  Signal.SIGTRAP,
  Signal.SIGABRT,
  Signal.SIGBUS,
  Signal.SIGFPE,
  Signal.SIGSEGV,
  Signal.SIGSYS,
]);

/** What a thread owes to those who go on using its memory: locks that it holds, and the word that tells of its end (mm_release). */
export function leaveMemory(thread: Thread): void {
  wakeRobustFutexes(thread);
  if (thread.clearChildTid === 0 || (thread.process.threads.size <= 1 && !thread.process.space.isShared)) return;
  try {
    thread.memory.setU32(thread.clearChildTid, 0);
    wakeFutex(thread, thread.clearChildTid, 1);
  } catch (error) {
    // As mm_release does: a bad address is the guest's affair.
    if (!(error instanceof UserFault || error instanceof OutOfMemory)) throw error;
  }
}

/** The ends of threads and processes. */
export class Exits {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** exit(2): this thread alone; with the last one the process ends. */
  thread(thread: Thread, code: number): void {
    const { process } = thread;
    this.#endThread(thread, code, true);
    if (process.threads.size === 0) this.#endProcess(process, { code: code & 0xff });
  }

  /** exit_group(2). */
  process(process: Process, end: ProcessEnd): void {
    if (process.end !== undefined) return;
    for (const thread of [...process.threads.values()]) this.#endThread(thread, end.code, false);
    this.#endProcess(process, end);
  }

  /** execve: the caller goes on alone. */
  siblings(thread: Thread): void {
    for (const other of [...thread.process.threads.values()]) if (other !== thread) this.#endThread(other, 0, false);
  }

  /** The default action of a signal: the process is gone, and a crash is reported. */
  bySignal(thread: Thread, info: SignalInfo): void {
    const crash: CrashReport | undefined = crashes.has(info.signo) ? crashReport(thread, info) : undefined;
    this.process(thread.process, { code: 128 + info.signo, signal: info.signo, crash });
  }

  /**
   * Memory that a thread needs is not there: its process is killed, with no choice among several as Linux' OOM killer has it. (System calls
   * return ENOMEM instead.)
   */
  outOfMemory({ process, comm, tid }: Thread): void {
    const { message, hint } = new OutOfMemory(this.#kernel.physical.bytes);
    this.#kernel.report(
      `process ${process.pid} (${comm}) is killed when thread ${tid} touches memory: ${message}`,
      hint,
    );
    this.process(process, { code: 128 + Signal.SIGKILL, signal: Signal.SIGKILL });
  }

  #endThread(thread: Thread, code: number, alone: boolean): void {
    const kernel = this.#kernel;
    const { process } = thread;
    thread.stopWaiting();
    thread.blocking?.return(0); // leaves the queues it is in
    thread.blocking = undefined;
    // Where a whole process ends, only other processes can be waiting for what it held.
    if (alone || kernel.processes.size > 1) leaveMemory(thread);
    process.threads.delete(thread.tid);
    for (const hook of kernel.threadEnds) hook(thread, { space: process.space, view: thread.view });
    process.finishedCpuTime += kernel.scheduler.cpuTimeOf(thread);
    if (kernel.events.enabled) {
      kernel.events.emit({ type: 'thread:exit', time: kernel.now(), tid: thread.tid, cpu: thread.cpu.id, code });
    }
    kernel.scheduler.remove(thread);
    kernel.releaseCore(thread);
  }

  #endProcess(process: Process, end: ProcessEnd): void {
    const kernel = this.#kernel;
    process.end = end;
    process.files.release(kernel.now());
    process.timers.disarmAll();
    process.space.release();
    process.leaveMemory(kernel.now());
    if (end.crash !== undefined && process.parentPid !== 0)
      kernel.report(`process ${process.pid} (${end.crash.comm}) was ended by ${signalName(end.signal ?? 0)}`);
    if (kernel.events.enabled) {
      kernel.events.emit({
        type: 'process:exit',
        time: kernel.now(),
        pid: process.pid,
        code: end.code,
        signal: end.signal,
      });
    }
    process.ended.wake(kernel.now());
    bequeath(process);
  }
}
