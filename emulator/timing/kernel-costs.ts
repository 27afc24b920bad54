// What the guest's kernel work costs. Our kernel is TypeScript and executes no guest instructions, so each service is charged a published
// figure. Times were turned into cycles of the reference clock. No figure comes from the MELF paper or is fitted to it.

/** The clock at which published times became cycles. */
export const referenceHz = 3e9;

/** Cycles of the reference clock in `ns`. */
const cycles = (ns: number): number => Math.round((ns * referenceHz) / 1e9);

/** What creating a view has to copy; asked for only by the model that charges it. */
export interface ViewWork {
  /** Page tables that the new view does not share. */
  ownTables(): number;
  /** Pages mapped in the view that was duplicated. */
  mappedPages(): number;
}

/** How views are created: with shared subtrees, as our kernel does it, or entry by entry, as linux-mmview for 5.15 does. */
export const viewModelNames = ['subtree', 'mmview-5.15'] as const;
export type ViewModelName = (typeof viewModelNames)[number];

export interface KernelCosts {
  /** Into the kernel and back with nothing done there. */
  readonly syscall: number;
  /** Copying one byte between user memory and the kernel, or clearing or copying a page. */
  readonly copyPerByte: number;
  /** A fault that only enters a present frame into the tables (page cache, zero page). */
  readonly pageFaultMinor: number;
  /** A fault that gives a zeroed frame. */
  readonly pageFaultZero: number;
  /** A fault that copies the frame. */
  readonly pageFaultCow: number;
  /** Filling the TLB by a page walk whose tables are cached. */
  readonly tlbMiss: number;
  /** Another thread on this CPU: saving, choosing, restoring. */
  readonly contextSwitch: number;
  /** Waking a thread, for the waker. */
  readonly wakeup: number;
  /** From the wake-up until an idle CPU runs the thread (an inter-processor interrupt). */
  readonly wakeupLatency: number;
  /** Building a signal frame and entering the handler; the return is a syscall. */
  readonly signalDelivery: number;
  /** TCP: taking one message through the stack, sending side. The copy and the syscall come on top. */
  readonly netSend: number;
  /** TCP, receiving side. */
  readonly netReceive: number;
  /** TCP: what each end does to open a connection. */
  readonly netConnect: number;
  /** UNIX stream socket or pipe: one message, either side. */
  readonly localMessage: number;
  /** Moving a thread to another view: loading another root. TLB refills are charged as they happen. */
  readonly viewSwitch: number;
  /** Creating a view, besides the syscall. */
  viewCreate(work: ViewWork): number;
  /** How views are kept. */
  readonly views: ViewModelName;
  /** One more pass through the fault handler without leaving the kernel: a view that gets its page by way of the base. */
  readonly faultPass: number;
  /** Sharing one page with a forked process: copying its entry, write-protecting it, counting the reference. */
  readonly forkPage: number;
  /** Reading and writing one page-table entry when a range is changed (mprotect, munmap). */
  readonly pageTableEntry: number;
  /** Shooting down one other CPU's TLB entries. */
  readonly tlbShootdown: number;
  /** On top of that, once for all CPUs that are interrupted together. */
  readonly tlbShootdownRound: number;
}

/** Intel optimisation manual, "REP String Enhancement": each 64 bytes of a fast string copy add 4 cycles. */
const copyPerByte = 4 / 64;
const copyPage = 4096 * copyPerByte;

/** A. Lutomirski's patch removing the SYSCALL64 trampoline (Linux 4.20, reported by Phoronix 2018-09-08): 228 ns on Skylake with KPTI and retpolines. */
const syscall = cycles(228);

/**
 * L. Torvalds, "page fault handling by the CPU" (2014-04-30), Haswell: exception and iret together 1050 cycles, 80.7 % of
 * a fault that maps the zero page.
 */
const faultAndReturn = 1050;
const pageFaultMinor = Math.round(faultAndReturn / 0.807);

/** ddumbying, "Context switch overhead" (Linux 6.6, 11th-generation Core i7): 1070 ns per switch of threads that talk by a pipe: a read, a write and the switch. */
const contextSwitch = cycles(1070) - 2 * syscall;

/** Cost of one inter-processor interrupt: about 1 us base, 200 ns for each receiver (unseel.com, "TLB shootdown"). */
const interrupt = cycles(1000);
const interruptPerReceiver = cycles(200);

/**
 * rigtorp/ipc-bench as reported in concretecloud/chirp issue 93 (2017), 200-byte messages: one way 6275 ns by TCP over
 * loopback, 2770 ns by a UNIX socket. The difference is the protocol, taken half for either side.
 */
const tcpOneWay = 6275;
const unixOneWay = 2770;
const tcpPerSide = cycles((tcpOneWay - unixOneWay) / 2);
/** What remains of the UNIX socket's time after two syscalls, the switch and the interrupt that wakes the reader; half for either side. */
const unixPerSide = Math.round((cycles(unixOneWay) - 2 * syscall - contextSwitch - interrupt) / 2);

/** Linux, Documentation/x86/pti.rst: moves to CR3 "are on the order of a hundred cycles". */
const loadRoot = 100;
/** The view's lock and its reference count, each taken and released: as `atomic` in class-costs.ts. */
const viewBookkeeping = 4 * 18;

/**
 * Fruth and Scherzinger, "The Case for DBMS Live Patching", VLDB 2025, Fig. 9 (Xeon Gold 6248R, 3.0 GHz): 4 s per GiB of page tables, so 32 ns
 * per entry, both for creating a view and for fork, which took about as long.
 */
const copiedEntry = cycles(32);

const viewCreate: Readonly<Record<ViewModelName, KernelCosts['viewCreate']>> = {
  // A new table is cleared and its 512 entries are copied.
  subtree: (work) => work.ownTables() * 2 * copyPage,
  'mmview-5.15': (work) => work.mappedPages() * copiedEntry,
};

/** The costs, with views created as `views` says. */
export const kernelCosts = (views: ViewModelName): KernelCosts => ({
  syscall,
  copyPerByte,
  pageFaultMinor,
  pageFaultZero: pageFaultMinor + copyPage,
  pageFaultCow: pageFaultMinor + copyPage,
  tlbMiss: 30, // notes.elimelt.com, "TLB and Page Walks": 10 ns for a walk with cached tables
  contextSwitch,
  wakeup: interruptPerReceiver,
  wakeupLatency: interrupt,
  // Entry and iret as for a fault, and 1 KiB of frame (siginfo, ucontext with FXSAVE image: arch/x86/include/asm/sigframe.h) written.
  signalDelivery: faultAndReturn + 1024 * copyPerByte,
  netSend: tcpPerSide,
  netReceive: tcpPerSide,
  netConnect: 3 * tcpPerSide, // SYN, SYN+ACK, ACK (RFC 9293, 3.5): three segments pass each end's stack
  localMessage: unixPerSide,
  viewSwitch: loadRoot + viewBookkeeping,
  viewCreate: viewCreate[views],
  views,
  faultPass: pageFaultMinor - faultAndReturn,
  forkPage: copiedEntry,
  pageTableEntry: 2 * 8 * copyPerByte,
  tlbShootdown: interruptPerReceiver,
  tlbShootdownRound: interrupt,
});
