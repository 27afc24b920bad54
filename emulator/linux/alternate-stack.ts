/** A thread's `stack_t` (sigaltstack). */
export interface AlternateStack {
  readonly address: number;
  readonly size: number;
  /** SS_DISABLE when there is none. */
  readonly flags: number;
}

export const SS_ONSTACK = 1;
export const SS_DISABLE = 2;
export const SS_AUTODISARM = 2 ** 31;

export const NO_ALTERNATE_STACK: AlternateStack = { address: 0, size: 0, flags: SS_DISABLE };

/** Whether a thread with this stack pointer is executing on the alternate stack. */
export const isOnStack = (stack: AlternateStack, sp: number): boolean =>
  stack.flags !== SS_DISABLE && sp > stack.address && sp - stack.address <= stack.size;
