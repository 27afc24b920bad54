/** RLIM64_INFINITY. */
export const UNLIMITED = 2n ** 64n - 1n;

const RLIMIT_STACK = 3;
const RLIMIT_CORE = 4;
const RLIMIT_NOFILE = 7;
export const RLIMIT_MEMLOCK = 8;

/** A process's resource limits as [soft, hard] (prlimit(2)), with Linux's defaults where there are any. */
export class ResourceLimits {
  readonly #limits: Map<number, readonly [bigint, bigint]>;

  constructor(
    limits: Iterable<readonly [number, readonly [bigint, bigint]]> = [
      [RLIMIT_STACK, [8n << 20n, UNLIMITED]],
      [RLIMIT_CORE, [0n, UNLIMITED]],
      [RLIMIT_NOFILE, [1024n, 1n << 20n]],
      [RLIMIT_MEMLOCK, [8n << 20n, 8n << 20n]], // MLOCK_LIMIT
    ],
  ) {
    this.#limits = new Map(limits);
  }

  copy(): ResourceLimits {
    return new ResourceLimits(this.#limits);
  }

  get(resource: number): readonly [soft: bigint, hard: bigint] {
    return this.#limits.get(resource) ?? [UNLIMITED, UNLIMITED];
  }

  set(resource: number, soft: bigint, hard: bigint): void {
    this.#limits.set(resource, [soft, hard]);
  }
}
