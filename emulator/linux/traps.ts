import { MelfError } from '../../base/errors.ts';
import { faultAddress } from '../core/fault-address.ts';
import { cpuidAnswer } from '../isa/x86-64/cpuid.ts';
import { X86 } from '../isa/x86-64/registers.ts';
import { Fault } from '../memory/page-fault.ts';
import { UserFault } from '../memory/user-memory.ts';
import { Access, ExitReason } from '../native/binding.ts';
import { hex } from './crash-report.ts';
import type { Kernel } from './kernel.ts';
import { Signal, SignalCode, type SignalInfo } from './signals.ts';
import { emulateRegisterRead } from './system-registers.ts';
import type { Thread } from './thread.ts';

/** The engine stopped for a reason that it should never give. */
export class EngineStopped extends MelfError {}

/** User addresses of x86-64 have 47 bits. */
const CANONICAL_END = 2 ** 47;

const CPUID_SIZE = 2;

/** Longest x86 instruction. */
const LONGEST_INSTRUCTION = 15;

/** Exception vectors of x86-64 (Intel SDM vol. 3, table 6-1) and what Linux makes of them (arch/x86/kernel/traps.c). */
const x86Signals: Readonly<Record<number, readonly [signo: number, code: number]>> = {
  0: [Signal.SIGFPE, SignalCode.FPE_INTDIV],
  1: [Signal.SIGTRAP, SignalCode.TRAP_TRACE],
  3: [Signal.SIGTRAP, SignalCode.SI_KERNEL],
  4: [Signal.SIGSEGV, SignalCode.SI_KERNEL],
  5: [Signal.SIGSEGV, SignalCode.SI_KERNEL],
  6: [Signal.SIGILL, SignalCode.ILL_ILLOPN],
  11: [Signal.SIGBUS, SignalCode.SI_KERNEL],
  12: [Signal.SIGBUS, SignalCode.SI_KERNEL],
  13: [Signal.SIGSEGV, SignalCode.SI_KERNEL],
  16: [Signal.SIGFPE, SignalCode.FPE_FLTINV],
  17: [Signal.SIGBUS, SignalCode.BUS_ADRALN],
  19: [Signal.SIGFPE, SignalCode.FPE_FLTINV],
};
const X86_BREAKPOINT = 3;

/** QEMU's exception numbers of an AArch64 core (target/arm/cpu.h) and what Linux makes of them (arch/arm64/kernel/traps.c). */
const aarch64Signals: Readonly<Record<number, readonly [signo: number, code: number]>> = {
  1: [Signal.SIGILL, SignalCode.ILL_ILLOPC],
  3: [Signal.SIGBUS, SignalCode.BUS_ADRALN],
  4: [Signal.SIGBUS, SignalCode.BUS_ADRALN],
  7: [Signal.SIGTRAP, SignalCode.TRAP_BRKPT],
};

/** What a thread's own instructions cause: refused accesses, undefined instructions, arithmetic errors, breakpoints. */
export class Traps {
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Returns whether the thread goes on. */
  handle(thread: Thread, reason: ExitReason): boolean {
    const { core } = thread;
    this.#uncharge(thread);
    switch (reason) {
      case ExitReason.pageFault:
        return this.#pageFault(thread);
      case ExitReason.illegal:
        return emulateRegisterRead(thread) || this.#illegalInstruction(thread);
      case ExitReason.interrupt:
        return this.#interrupt(thread);
      default:
        throw new EngineStopped('engine.stopped', 'the engine stopped for an unknown reason', {
          facts: { error: core.engineError, pc: hex(core.exitPc), tid: thread.tid },
          hint: 'this is a defect of the emulator: please report it with the program',
        });
    }
  }

  #interrupt(thread: Thread): boolean {
    const { core } = thread;
    const { isa } = this.#kernel;
    const number = core.interrupt;
    const found = (isa === 'x86-64' ? x86Signals : aarch64Signals)[number];
    if (found === undefined) {
      throw new EngineStopped(
        'engine.interrupt',
        `the engine raised exception ${number}, which user code cannot cause`,
        {
          facts: { pc: hex(core.pc), tid: thread.tid },
        },
      );
    }
    const [signo, code] = found;
    if (isa === 'x86-64' && (number === 0 || (number >= 10 && number <= 13))) this.#kernel.renewCore(thread);
    if (signo === Signal.SIGILL && emulateRegisterRead(thread)) return true;
    if (signo === Signal.SIGILL) return this.#refused(thread, code);
    // A breakpoint on x86-64 is reported behind the instruction and without an address.
    const address =
      isa === 'x86-64' && number === X86_BREAKPOINT ? undefined : code === SignalCode.SI_KERNEL ? 0 : core.pc;
    return this.#raise(thread, signo, code, address);
  }

  #raise(thread: Thread, signo: number, code: number, address: number | undefined): boolean {
    return this.#kernel.signals.force(thread, { signo, code, address });
  }

  /** The engine or the guard refused a block: the guard before the first instruction of it. */
  #illegalInstruction(thread: Thread): boolean {
    const { core, kind } = thread;
    const pc = core.exitPc;
    const code = blockBytes(thread, pc);
    const missing = kind?.guard.missing(code, pc);
    if (missing !== undefined && missing.va > pc) {
      const reason = core.runTo(missing.va);
      if (reason !== ExitReason.budget && reason !== ExitReason.illegal) return this.#kernel.handleExit(thread, reason);
      const { cycles, instructions } = kind!.costs.block(code.subarray(0, core.exitPc - pc), pc);
      core.cycles += cycles;
      core.instructions += instructions;
    }
    if (missing !== undefined && core.pc === missing.va) {
      if (missing.text === 'cpuid') return this.#cpuid(thread);
      if (emulateRegisterRead(thread)) return true;
    }
    return this.#refused(thread, SignalCode.ILL_ILLOPN);
  }

  /** CPUID: the engine's answer, made to tell what this CPU has. */
  #cpuid(thread: Thread): boolean {
    const { core, kind } = thread;
    const low = (id: number): bigint => core.reg(id) & 0xffff_ffffn;
    const [leaf, subleaf] = [Number(low(X86.rax)), Number(low(X86.rcx))];
    core.runTo(core.pc + CPUID_SIZE);
    const engine = { eax: low(X86.rax), ebx: low(X86.rbx), ecx: low(X86.rcx), edx: low(X86.rdx) };
    const { eax, ebx, ecx, edx } = cpuidAnswer(leaf, subleaf, engine, kind!.guard.features, thread.cpu.id);
    core.setReg(X86.rax, eax);
    core.setReg(X86.rbx, ebx);
    core.setReg(X86.rcx, ecx);
    core.setReg(X86.rdx, edx);
    return true;
  }

  /** The core stands before an instruction that its CPU does not execute. */
  #refused(thread: Thread, code: number): boolean {
    const { core, kind, tid, view } = thread;
    const { events, policies, variantNamer } = this.#kernel;
    const pc = core.pc;
    const found = kind?.guard.instructionAt(readSome(thread, pc), pc);
    const feature = found?.feature;
    const what = { pc, instruction: found?.text ?? 'unknown', feature };
    if (events.enabled) {
      events.emit({
        type: 'illegal-instruction',
        time: thread.now(),
        tid,
        cpu: thread.cpu.id,
        ...what,
        kind: thread.cpu.kind,
        view,
        variant: variantNamer?.(thread, pc),
      });
    }
    if (policies.some((policy) => policy.onIllegalInstruction?.(thread, what) ?? false)) return true;
    return this.#raise(thread, Signal.SIGILL, code, pc);
  }

  #pageFault(thread: Thread): boolean {
    const { core, faultOutcome } = thread;
    if (faultOutcome === Fault.outOfMemory) {
      this.#kernel.exits.outOfMemory(thread);
      return false;
    }
    const access = core.faultAccess;
    const exec = access === Access.exec;
    if (this.#kernel.isa === 'x86-64' && core.faultVa >= CANONICAL_END) {
      // A non-canonical address is a general protection fault, which tells no address.
      return this.#raise(thread, Signal.SIGSEGV, SignalCode.SI_KERNEL, 0);
    }
    const address = exec ? core.exitPc : this.#exactAddress(thread);
    const info: SignalInfo =
      faultOutcome === Fault.beyondFile
        ? { signo: Signal.SIGBUS, code: SignalCode.BUS_ADRERR, address }
        : {
            signo: Signal.SIGSEGV,
            code: faultOutcome === Fault.denied ? SignalCode.SEGV_ACCERR : SignalCode.SEGV_MAPERR,
            address,
          };
    const fault = { address, write: access === Access.write, exec, present: faultOutcome === Fault.denied };
    return this.#kernel.signals.force(thread, info, fault);
  }

  /** The engine knows the page of a refused access only: the instruction says the rest. */
  #exactAddress(thread: Thread): number {
    const { core } = thread;
    const page = core.faultVa;
    try {
      const code = readSome(thread, core.exitPc);
      return faultAddress(this.#kernel.decoder, core, code, core.exitPc, page) ?? page;
    } catch (error) {
      if (error instanceof UserFault) return page;
      throw error;
    }
  }

  /** Takes back what was charged for the part of the block that did not run. */
  #uncharge(thread: Thread): void {
    const { core } = thread;
    const { va, size } = core.lastBlock;
    const pc = core.exitPc;
    if (pc < va || pc >= va + size) return;
    const { cycles, instructions } = (thread.kind?.costs ?? this.#kernel.costs).uncharge(
      thread.memory.read(va, size),
      va,
      pc,
    );
    core.cycles -= cycles;
    core.instructions -= instructions;
  }
}

/** The bytes from `va` on, a page of them as far as they are readable: no block is longer (on x86-64 it may lie on two pages). */
const blockBytes = (thread: Thread, va: number): Uint8Array => {
  try {
    return thread.memory.read(va, 4096);
  } catch (error) {
    if (error instanceof UserFault) return thread.memory.read(va, 4096 - (va % 4096));
    throw error;
  }
};

/** The bytes at `va`, as far as they are readable, up to one instruction. */
function readSome(thread: Thread, va: number): Uint8Array {
  const untilPageEnd = 4096 - (va % 4096);
  if (untilPageEnd >= LONGEST_INSTRUCTION) return thread.memory.read(va, LONGEST_INSTRUCTION);
  const first = thread.memory.read(va, untilPageEnd);
  try {
    return thread.memory.read(va, LONGEST_INSTRUCTION);
  } catch (error) {
    if (error instanceof UserFault) return first;
    throw error;
  }
}
