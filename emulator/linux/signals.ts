/** Signal numbers, the same on x86-64 and AArch64 (include/uapi/asm-generic/signal.h). */
export const Signal = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
} as const;

export const SIGNAL_COUNT = 64;
export const FIRST_REALTIME = 32;

const names = new Map<number, string>(Object.entries(Signal).map(([name, number]) => [number, name]));

/** "SIGSEGV"; real-time signals are "SIGRT_n" by number. */
export const signalName = (signo: number): string => names.get(signo) ?? `SIGRT_${signo}`;

/** Bit of a signal in a 64-bit set. */
export const signalBit = (signo: number): bigint => 1n << BigInt(signo - 1);

/** Signals that no mask holds back and no action changes. */
export const UNBLOCKABLE = signalBit(Signal.SIGKILL) | signalBit(Signal.SIGSTOP);

/** `si_code` values (asm-generic/siginfo.h). */
export const SignalCode = {
  SI_USER: 0,
  SI_KERNEL: 0x80,
  SI_QUEUE: -1,
  SI_TIMER: -2,
  SI_TKILL: -6,
  ILL_ILLOPN: 2,
  ILL_ILLOPC: 1,
  FPE_INTDIV: 1,
  FPE_FLTINV: 7,
  SEGV_MAPERR: 1,
  SEGV_ACCERR: 2,
  BUS_ADRALN: 1,
  BUS_ADRERR: 2,
  TRAP_BRKPT: 1,
  TRAP_TRACE: 2,
  CLD_EXITED: 1,
  CLD_KILLED: 2,
} as const;

/** What `siginfo_t` tells a handler. */
export interface SignalInfo {
  readonly signo: number;
  readonly code: number;
  readonly pid?: number;
  readonly uid?: number;
  /** `si_addr` of a fault. */
  readonly address?: number;
  /** `si_value` of a queued signal or a timer. */
  readonly value?: bigint;
  /** `si_status` of a child that has ended: its exit code or the signal. */
  readonly status?: number;
  readonly timerId?: number;
  readonly overrun?: number;
}

export const SigActionFlag = {
  SA_NOCLDSTOP: 0x1,
  SA_NOCLDWAIT: 0x2,
  SA_SIGINFO: 0x4,
  SA_RESTORER: 0x04000000,
  SA_ONSTACK: 0x08000000,
  SA_RESTART: 0x10000000,
  SA_NODEFER: 0x40000000,
  SA_RESETHAND: 0x80000000,
} as const;

export const SIG_DFL = 0;
export const SIG_IGN = 1;

/** What a process does with a signal (`struct sigaction` as the kernel sees it). */
export interface SigAction {
  readonly handler: number;
  readonly flags: number;
  readonly restorer: number;
  readonly mask: bigint;
}

export const DEFAULT_ACTION: SigAction = { handler: SIG_DFL, flags: 0, restorer: 0, mask: 0n };

const ignoredByDefault = new Set<number>([Signal.SIGCHLD, Signal.SIGURG, Signal.SIGWINCH, Signal.SIGCONT]);
const stopsByDefault = new Set<number>([Signal.SIGSTOP, Signal.SIGTSTP, Signal.SIGTTIN, Signal.SIGTTOU]);

/** What SIG_DFL means for a signal (signal(7)). */
export const defaultAction = (signo: number): 'ignore' | 'stop' | 'terminate' =>
  ignoredByDefault.has(signo) ? 'ignore' : stopsByDefault.has(signo) ? 'stop' : 'terminate';

/** Signals sent and not yet delivered: a standard one once, real-time ones as often as sent. */
export class PendingSignals {
  #queue: SignalInfo[] = [];
  set = 0n;

  add(info: SignalInfo): void {
    const bit = signalBit(info.signo);
    if ((this.set & bit) !== 0n && info.signo < FIRST_REALTIME) return;
    this.set |= bit;
    this.#queue.push(info);
  }

  /** Takes out the lowest-numbered signal that is in `wanted`; of several of one number the first sent. */
  take(wanted: bigint): SignalInfo | undefined {
    if ((this.set & wanted) === 0n) return undefined;
    let best: SignalInfo | undefined;
    for (const info of this.#queue) {
      if ((signalBit(info.signo) & wanted) !== 0n && (best === undefined || info.signo < best.signo)) best = info;
    }
    if (best === undefined) return undefined;
    this.#queue.splice(this.#queue.indexOf(best), 1);
    this.#recount();
    return best;
  }

  /** Forgets pending instances of a signal, as a change of its action to "ignore" does. */
  discard(signo: number): void {
    this.#queue = this.#queue.filter((info) => info.signo !== signo);
    this.#recount();
  }

  #recount(): void {
    this.set = 0n;
    for (const info of this.#queue) this.set |= signalBit(info.signo);
  }
}
