import type { Thread } from '../emulator/linux/thread.ts';
import { UserFault } from '../emulator/memory/user-memory.ts';

/** A word on a stack that could be a return address into the overlay window. */
export interface SuspectReturn {
  /** Where on the stack. */
  readonly slot: number;
  readonly returnAddress: number;
}

const WORD = 8;
/** Deeper stacks are scanned this far. */
const MOST_BYTES = 1 << 20;

/**
 * Words between the stack pointer and the end of the stack's area that point into [start, end). Conservative: a stale word
 * that no frame uses any more counts, too, so what is called safe here is safe.
 */
export function scanStack(thread: Thread, start: number, end: number): SuspectReturn[] {
  const from = thread.core.sp;
  const area = thread.process.space.areas.find(from);
  if (area === undefined) return [];
  const found: SuspectReturn[] = [];
  const top = Math.min(area.end, from + MOST_BYTES);
  try {
    for (let slot = from + ((WORD - (from % WORD)) % WORD); slot + WORD <= top; slot += WORD) {
      const value = thread.memory.pointer(slot);
      if (value >= start && value < end) found.push({ slot, returnAddress: value });
    }
  } catch (error) {
    if (!(error instanceof UserFault)) throw error; // the area ends in a guard page
  }
  return found;
}
