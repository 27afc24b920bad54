/** What tells one process from every other, also after its pid was reused or the machine restarted. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly start: string;
  readonly boot: string;
}

export interface LockHolder extends ProcessIdentity {
  /** What the holder is doing, for the message of those who wait. */
  readonly what: string;
}

export interface LockOptions {
  readonly what?: string;
  /** Called once when the lock is held by a living process. */
  readonly onWait?: (holder: LockHolder) => void;
}

export function statFields(pid: number): string[];
export function processStart(pid: number): string | undefined;
export function ownIdentity(): ProcessIdentity;
export function stillRuns(identity: ProcessIdentity): boolean;
export function acquireLock(folder: string, name: string, options?: LockOptions): Promise<() => void>;
