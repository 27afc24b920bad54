import { Errno } from '../errno.ts';
import { UserFault } from '../memory/user-memory.ts';
import type { FaultDetail } from './abi/abi.ts';
import { isOnStack, NO_ALTERNATE_STACK, SS_AUTODISARM, SS_DISABLE } from './alternate-stack.ts';
import type { Kernel } from './kernel.ts';
import { updateSequence } from './restartable-sequence.ts';
import {
  DEFAULT_ACTION,
  defaultAction,
  SIG_DFL,
  SIG_IGN,
  type SigAction,
  SigActionFlag,
  Signal,
  SignalCode,
  type SignalInfo,
  signalBit,
  signalName,
  UNBLOCKABLE,
} from './signals.ts';
import type { Thread } from './thread.ts';

/** Takes pending signals to their handlers or default actions when a thread is about to go on in user mode. */
export class SignalDelivery {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Delivers all that is due. Returns whether the thread goes on. */
  deliver(thread: Thread): boolean {
    if (thread.sequence?.due === true && !updateSequence(thread)) return false;
    for (;;) {
      const due = thread.deliverable;
      const info = thread.pending.take(due) ?? thread.process.pending.take(due);
      if (info === undefined) break;
      const { signo } = info;
      const action =
        signo === Signal.SIGKILL || signo === Signal.SIGSTOP ? DEFAULT_ACTION : thread.process.actions[signo]!;
      if (action.handler === SIG_IGN) continue;
      if (action.handler !== SIG_DFL) {
        if (!this.#enterHandler(thread, info, action)) return false;
      } else if (!this.#takeDefault(thread, info)) {
        return false;
      }
    }
    thread.attention = false;
    if (thread.interrupted) this.restart(thread);
    if (thread.savedMask !== undefined) {
      const mask = thread.savedMask;
      thread.savedMask = undefined;
      thread.setSignalMask(mask);
      if (thread.attention) return this.deliver(thread);
    }
    return true;
  }

  /** A call that was interrupted without any handler having run is made again. */
  restart(thread: Thread): void {
    thread.interrupted = false;
    this.#kernel.abi.restartSyscall(thread.core);
  }

  /**
   * A signal that the instruction at hand causes. It cannot be blocked or ignored: the process then ends by it.
   * Returns whether the thread goes on.
   */
  force(thread: Thread, info: SignalInfo, fault?: FaultDetail): boolean {
    const { process } = thread;
    const action = process.actions[info.signo]!;
    const blocked = (thread.signalMask & signalBit(info.signo)) !== 0n;
    thread.fault = fault;
    if (blocked || action.handler === SIG_DFL || action.handler === SIG_IGN) {
      this.#kernel.exits.bySignal(thread, info);
      return false;
    }
    return this.#enterHandler(thread, info, action);
  }

  #takeDefault(thread: Thread, info: SignalInfo): boolean {
    switch (defaultAction(info.signo)) {
      case 'ignore':
        return true;
      case 'stop':
        this.#kernel.report(
          `${signalName(info.signo)} would stop process ${thread.process.pid}: it goes on`,
          'job control is not implemented; SIGKILL or SIGTERM end a process',
        );
        return true;
      case 'terminate':
        this.#kernel.exits.bySignal(thread, info);
        return false;
    }
  }

  #enterHandler(thread: Thread, info: SignalInfo, action: SigAction): boolean {
    const kernel = this.#kernel;
    const { core, process } = thread;
    const { abi } = kernel;
    if (!updateSequence(thread)) return false; // a handler ends the sequence that it interrupts
    if (thread.interrupted) {
      if (action.flags & SigActionFlag.SA_RESTART) this.restart(thread);
      else thread.result = -Errno.EINTR;
      thread.interrupted = false;
    }
    if (thread.result !== undefined) {
      core.setReg(abi.reg.result, BigInt(thread.result));
      thread.result = undefined;
    }
    const stack = thread.alternateStack;
    const usesAlternate =
      (action.flags & SigActionFlag.SA_ONSTACK) !== 0 && (stack.flags & SS_DISABLE) === 0 && !isOnStack(stack, core.sp);
    const mask = thread.savedMask ?? thread.signalMask;
    thread.savedMask = undefined;
    if (kernel.events.enabled) {
      kernel.events.emit({
        type: 'signal',
        time: thread.now(),
        tid: thread.tid,
        cpu: thread.cpu.id,
        signo: info.signo,
        handler: action.handler,
      });
    }
    try {
      if (abi.isa === 'x86-64' && (action.flags & SigActionFlag.SA_RESTORER) === 0) throw new UserFault(0, 0);
      abi.writeFrame({
        core,
        memory: thread.memory,
        info,
        action,
        mask,
        alternateStack: stack,
        stackTop: usesAlternate ? stack.address + stack.size : undefined,
        fault: thread.fault,
        trampoline: process.sigreturnTrampoline,
      });
    } catch (error) {
      if (!(error instanceof UserFault)) throw error;
      // No room for the frame: Linux forces SIGSEGV, whose handler has no stack either.
      kernel.exits.bySignal(thread, { signo: Signal.SIGSEGV, code: SignalCode.SI_KERNEL, address: error.va });
      return false;
    }
    thread.fault = undefined;
    if (usesAlternate && stack.flags & SS_AUTODISARM) thread.alternateStack = NO_ALTERNATE_STACK;
    if (action.flags & SigActionFlag.SA_RESETHAND) process.actions[info.signo] = DEFAULT_ACTION;
    const own = action.flags & SigActionFlag.SA_NODEFER ? 0n : signalBit(info.signo);
    thread.signalMask = (mask | action.mask | own) & ~UNBLOCKABLE;
    core.cycles += kernel.costs.costs.signalDelivery;
    return true;
  }
}
