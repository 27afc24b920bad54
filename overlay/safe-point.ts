import { X } from '../emulator/isa/aarch64/registers.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { OverlayManager } from './manager.ts';

const LINK_REGISTER = X[30]!;

/** Whether the thread stands outside all multivariant functions, so that other code may take their place. */
export function isAtSafePoint(manager: OverlayManager, thread: Thread): boolean {
  const { core, kernel } = thread;
  if (manager.inWindow(core.pc)) return false;
  // A leaf function of AArch64 keeps its return address in a register.
  if (kernel.isa === 'aarch64' && manager.inWindow(Number(core.reg(LINK_REGISTER)))) return false;
  return manager.suspects(thread).length === 0;
}
