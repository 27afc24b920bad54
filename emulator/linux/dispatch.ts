import { ERESTARTSYS, Errno } from '../errno.ts';
import { OutOfMemory } from '../memory/physical.ts';
import { UserFault } from '../memory/user-memory.ts';
import type { Abi } from './abi/abi.ts';
import type { Kernel } from './kernel.ts';
import type { Blocking, Syscall, SyscallHandler, SyscallTopic } from './syscall.ts';
import type { Thread } from './thread.ts';

/** Internal result: the handler has set every register itself (rt_sigreturn). Never seen by the guest. */
export const REGISTERS_SET = -8192;

/** Calls that Linux has and we never will: what to do instead. */
const hints: Readonly<Record<string, string>> = {
  namespaces: 'all processes of a machine share one of each kind',
  ptrace: 'look at the run with --trace instead',
  io_uring_setup: 'programs fall back to epoll or threads',
};

/** From the number in the syscall register to a handler and its result. */
export class Dispatcher {
  readonly #kernel: Kernel;
  readonly #names: Map<number, string>;
  readonly #handlers: (SyscallHandler | undefined)[] = [];
  /** Implemented calls by Linux name. */
  readonly implemented = new Map<string, Syscall>();
  /** Calls that guests made and nobody implements, by name, with how often. */
  readonly unimplemented = new Map<string, number>();
  /** Calls that returned ENOMEM because the machine has no more: told of once. */
  readonly #lackedMemory = new Set<string>();

  constructor(kernel: Kernel, abi: Abi, topics: readonly SyscallTopic[]) {
    this.#kernel = kernel;
    this.#names = new Map(abi.syscalls);
    for (const topic of topics) {
      for (const [name, syscall] of Object.entries(topic)) {
        if (this.implemented.has(name)) throw new Error(`two topics implement ${name}`);
        this.implemented.set(name, syscall);
      }
    }
    for (const [number, name] of this.#names) this.#handlers[number] = this.implemented.get(name)?.handler;
  }

  register(number: number, name: string, syscall: Syscall): void {
    this.#names.set(number, name);
    this.#handlers[number] = syscall.handler;
    this.implemented.set(name, syscall);
  }

  nameOf(number: number): string {
    return this.#names.get(number) ?? `syscall_${number}`;
  }

  /** Makes the call that the thread's core has just stopped at. Returns whether the thread goes on. */
  call(thread: Thread): boolean {
    const { core } = thread;
    const kernel = this.#kernel;
    const number = core.sysno;
    const { events } = kernel;
    core.cycles += kernel.syscallCycles;
    if (events.enabled) this.#emitEnter(thread, number);
    const handler = this.#handlers[number];
    let result: number | Blocking;
    if (handler === undefined) {
      result = this.#unknown(thread, number);
    } else {
      try {
        result = handler(thread, core.arg(0), core.arg(1), core.arg(2), core.arg(3), core.arg(4), core.arg(5));
      } catch (error) {
        result = this.#errnoOf(error, number);
      }
    }
    if (typeof result === 'number') return this.#finish(thread, result);
    thread.blocking = result;
    return this.#advance(thread, () => result.next());
  }

  /** Goes on with a call that waited. Returns whether the thread goes on in user mode. */
  resume(thread: Thread): boolean {
    const { blocking, wakeReason } = thread;
    if (blocking === undefined) return true;
    return this.#advance(thread, () => blocking.next(wakeReason));
  }

  #advance(thread: Thread, next: () => IteratorResult<unknown, number>): boolean {
    const blocking = thread.blocking!;
    let step = next;
    for (;;) {
      let result: number;
      try {
        const { done, value } = step() as ReturnType<Blocking['next']>;
        if (done !== true) {
          if (thread.deliverable === 0n || (value.killable === true && !thread.isKilled)) {
            thread.startWaiting(value);
            return false;
          }
          step = () => blocking.next('signal');
          continue;
        }
        result = value;
      } catch (error) {
        result = this.#errnoOf(error, thread.core.sysno);
      }
      thread.blocking = undefined;
      return this.#finish(thread, result);
    }
  }

  #finish(thread: Thread, result: number): boolean {
    if (this.#kernel.events.enabled) this.#emitExit(thread, result);
    if (result === -ERESTARTSYS) thread.interrupted = true;
    else if (result !== REGISTERS_SET) thread.result = result;
    if (thread.interrupted && !thread.attention) this.#kernel.signals.restart(thread);
    if (thread.state !== 'running') return false;
    for (const policy of this.#kernel.policies) policy.afterSyscall?.(thread);
    return true;
  }

  #unknown(thread: Thread, number: number): number {
    return this.refuse(thread, this.nameOf(number));
  }

  /** Reports that the guest asked for something that is not there, once by name, and counts it. Returns -ENOSYS. */
  refuse(thread: Thread, name: string, hintOf: string = name): number {
    const count = (this.unimplemented.get(name) ?? 0) + 1;
    this.unimplemented.set(name, count);
    if (count === 1) {
      const kernel = this.#kernel;
      kernel.report(`${name} is not implemented: the guest gets ENOSYS`, hints[hintOf]);
      if (kernel.events.enabled) {
        kernel.events.emit({
          type: 'syscall:unimplemented',
          time: thread.now(),
          tid: thread.tid,
          cpu: thread.cpu.id,
          name,
        });
      }
    }
    return -Errno.ENOSYS;
  }

  #errnoOf(error: unknown, number: number): number {
    if (error instanceof UserFault) return -Errno.EFAULT;
    if (!(error instanceof OutOfMemory)) throw error;
    const name = this.nameOf(number);
    if (!this.#lackedMemory.has(name)) this.#kernel.report(`${name} returns ENOMEM: ${error.message}`, error.hint);
    this.#lackedMemory.add(name);
    return -Errno.ENOMEM;
  }

  #emitEnter(thread: Thread, number: number): void {
    const { core } = thread;
    this.#kernel.events.emit({
      type: 'syscall:enter',
      time: thread.now(),
      tid: thread.tid,
      cpu: thread.cpu.id,
      number,
      name: this.nameOf(number),
      args: [core.arg(0), core.arg(1), core.arg(2), core.arg(3), core.arg(4), core.arg(5)],
    });
  }

  #emitExit(thread: Thread, result: number): void {
    const number = thread.core.sysno;
    this.#kernel.events.emit({
      type: 'syscall:exit',
      time: thread.now(),
      tid: thread.tid,
      cpu: thread.cpu.id,
      number,
      name: this.nameOf(number),
      result,
    });
  }
}
