// What a machine counted between two moments of a run.

import type { EventSink, MachineEvent } from '../../emulator/events/events.ts';
import type { Process } from '../../emulator/linux/process.ts';
import type { Machine } from '../../emulator/machine.ts';

/** What the machine counted; in the measurement window where not said otherwise. */
export interface RunCounters {
  readonly instructions: number;
  readonly cycles: number;
  readonly syscalls: number;
  /** Changes of a thread's view. */
  readonly switches: number;
  readonly pageFaults: number;
  readonly tlbMisses: number;
  readonly contextSwitches: number;
  /** Cache lines that moved between CPUs (marked ones, see docs/cost-model.md). */
  readonly lineTransfers: number;
}

/** The events of which only the number matters. */
export class CountingSink implements EventSink {
  syscalls = 0;
  switches = 0;
  pageFaults = 0;

  accept(event: MachineEvent): void {
    if (event.type === 'syscall:enter') this.syscalls++;
    else if (event.type === 'view:switch') this.switches++;
    else if (event.type === 'page-fault') this.pageFaults++;
  }
}

/** The machine's counters at one moment. */
export interface CounterReading extends RunCounters {
  /** Time that CPUs were busy, summed over them, ns. */
  readonly busy: number;
  readonly cpus: number;
}

export function readCounters(machine: Machine, server: Process, counting: CountingSink): CounterReading {
  const { scheduler, coherence } = machine.kernel;
  return {
    instructions: scheduler.instructionsSoFar,
    cycles: scheduler.cycles,
    syscalls: counting.syscalls,
    switches: counting.switches,
    pageFaults: counting.pageFaults,
    tlbMisses: [...server.threads.values()].reduce((sum, { core }) => sum + core.tlbMisses, 0),
    contextSwitches: scheduler.contextSwitches,
    lineTransfers: coherence?.transfers ?? 0,
    busy: scheduler.cpus.reduce((sum, cpu) => sum + cpu.busy, 0),
    cpus: scheduler.cpus.length,
  };
}

/** What happened between two readings that are `duration` ns apart. */
export function windowCounters(
  before: CounterReading,
  after: CounterReading,
  duration: number,
): { counters: RunCounters; utilisation: number } {
  const since = (name: keyof RunCounters): number => after[name] - before[name];
  return {
    counters: {
      instructions: since('instructions'),
      cycles: since('cycles'),
      syscalls: since('syscalls'),
      switches: since('switches'),
      pageFaults: since('pageFaults'),
      tlbMisses: since('tlbMisses'),
      contextSwitches: since('contextSwitches'),
      lineTransfers: since('lineTransfers'),
    },
    utilisation: (after.busy - before.busy) / (duration * after.cpus),
  };
}
