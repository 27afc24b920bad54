import type { PageFaultKind } from '../events/events.ts';
import { Fault } from '../memory/page-fault.ts';
import { OutOfMemory } from '../memory/physical.ts';
import type { NativeCallbacks } from '../native/binding.ts';
import type { CpuKind } from './cpu-kind.ts';
import { shootdownCycles } from './table-work.ts';
import type { Thread } from './thread.ts';

/** Offset in the model port of a report "this CPU writes the cache line at VALUE"; any other offset reports a read. */
const PORT_WRITE = 0;

function kindOf(outcome: Fault): PageFaultKind {
  switch (outcome) {
    case Fault.minor:
      return 'zero';
    case Fault.file:
      return 'file';
    case Fault.copyOnWrite:
      return 'cow';
    default:
      return 'refused';
  }
}

/** The core must hear of missing memory as of any refusal: an exception would not get through the engine. */
function faultIn({ process, view }: Thread, va: number, access: number): Fault {
  try {
    return process.space.fault(view, va, access);
  } catch (error) {
    if (error instanceof OutOfMemory) return Fault.outOfMemory;
    throw error;
  }
}

/** Answers of the kernel to one thread's core while it runs. */
export class CoreCallbacks implements NativeCallbacks {
  readonly #thread: Thread;
  readonly #kind: CpuKind;

  constructor(thread: Thread, kind: CpuKind) {
    this.#thread = thread;
    this.#kind = kind;
  }

  onPageFault(va: number, access: number): boolean {
    const thread = this.#thread;
    const { kernel, process } = thread;
    const { space } = process;
    const generation = space.tlbGeneration;
    const outcome = faultIn(thread, va, access);
    thread.faultOutcome = outcome;
    const kind = kindOf(outcome);
    thread.core.cycles += kernel.pageFaultCycles[kind] + (space.faultPasses - 1) * kernel.costs.costs.faultPass;
    if (space.tlbGeneration !== generation) thread.core.cycles += shootdownCycles(thread);
    if (kernel.events.enabled) {
      const { tid, cpu } = thread;
      kernel.events.emit({ type: 'page-fault', time: thread.now(), tid, cpu: cpu.id, va, access, kind });
    }
    return outcome >= 0;
  }

  onBlock(va: number, size: number): Float64Array {
    return this.#kind.accounting.charge(this.#thread, va, size);
  }

  onPort(offset: number, value: number): void {
    const thread = this.#thread;
    const { coherence } = thread.kernel;
    if (coherence !== undefined) thread.core.cycles += coherence.touch(value, thread.cpu.id, offset === PORT_WRITE);
  }
}
