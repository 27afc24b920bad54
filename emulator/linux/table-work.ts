// What changes of page tables cost besides the call or the fault that makes them.

import type { Thread } from './thread.ts';

/**
 * Cycles for telling the other CPUs that entries have changed: one round of interrupts for those that run the process; where each
 * view is an address space of its own (`mmview-5.15`), one round for each view that they run in.
 */
export function shootdownCycles(thread: Thread): number {
  const { process, kernel } = thread;
  const { tlbShootdown, tlbShootdownRound, views } = kernel.costs.costs;
  const rounds = new Set<number>();
  let receivers = 0;
  for (const { current } of kernel.scheduler.cpus) {
    if (current === undefined || current === thread || current.process.space !== process.space) continue;
    receivers++;
    rounds.add(views === 'mmview-5.15' ? current.view : 0);
  }
  return rounds.size * tlbShootdownRound + receivers * tlbShootdown;
}

/** Makes a change to the caller's address space and charges the entries that it went through and the shootdown it needs. */
export function changeTables<T>(thread: Thread, change: () => T): T {
  const { space } = thread.process;
  const { pageTableEntry } = thread.kernel.costs.costs;
  const [entries, generation] = [space.views.entriesVisited, space.tlbGeneration];
  const result = change();
  thread.charge((space.views.entriesVisited - entries) * pageTableEntry);
  if (space.tlbGeneration !== generation) thread.charge(shootdownCycles(thread));
  return result;
}
