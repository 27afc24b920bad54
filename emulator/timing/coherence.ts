// Cache coherence for addresses that guest code reports through the model port: which CPU has a line, and what it costs another to get it.

/** Cycles by where the line is. */
export interface CoherenceCosts {
  /** Another CPU has modified the line: it is fetched from that cache. */
  readonly fromModified: number;
  /** Other CPUs have clean copies and this one reads: from the shared last-level cache. */
  readonly fromShared: number;
  /** This CPU has a clean copy, others too, and it writes: their copies are invalidated. */
  readonly upgrade: number;
}

export const coherenceCosts: CoherenceCosts = {
  // J. McCalpin, "Core-to-core communication latency in Skylake/Kaby Lake", Intel developer forum (2016), Xeon E5-2660 v4 with
  // Intel's Memory Latency Checker: 40.3 to 42.3 ns from a modified line in another L2 of the socket; 42 ns at 3 GHz.
  fromModified: 126,
  // Intel 64 and IA-32 Architectures Optimization Reference Manual, Skylake client cache parameters: fastest L3 latency 44 cycles.
  fromShared: 44,
  // The other copies answer over the same path as a modified line would come.
  upgrade: 126,
};

const lineShift = 6; // 64-byte lines

/** A line: written by one CPU alone (`owner`), or clean in the caches of `sharers` (a bit per CPU; up to 32 CPUs, more share bits). */
interface Line {
  owner: number;
  sharers: number;
}

/** States as in MESI; exclusive and modified are one, since only what others have to do costs. */
export class Coherence {
  readonly costs: CoherenceCosts;
  readonly #lines = new Map<number, Line>();
  /** Transfers from another CPU's cache so far. */
  transfers = 0;
  /** Reports so far. */
  touches = 0;

  constructor(costs: CoherenceCosts = coherenceCosts) {
    this.costs = costs;
  }

  /** CPU `cpu` reads or writes the line that holds `address`. Returns the cycles that it waits; a line nobody has costs nothing extra. */
  touch(address: number, cpu: number, write: boolean): number {
    this.touches++;
    const key = Math.floor(address / (1 << lineShift));
    const bit = 1 << (cpu & 31);
    const line = this.#lines.get(key);
    if (line === undefined) {
      this.#lines.set(key, write ? { owner: cpu, sharers: bit } : { owner: -1, sharers: bit });
      return 0;
    }
    if (line.owner === cpu) return 0;
    if (write) {
      const alone = line.owner === -1 && line.sharers === bit;
      const cost = alone ? 0 : line.owner === -1 ? this.costs.upgrade : this.costs.fromModified;
      if (!alone) this.transfers++;
      line.owner = cpu;
      line.sharers = bit;
      return cost;
    }
    if (line.owner === -1) {
      if (line.sharers & bit) return 0;
      line.sharers |= bit;
      this.transfers++;
      return this.costs.fromShared;
    }
    line.sharers |= bit; // the owner keeps a clean copy
    line.owner = -1;
    this.transfers++;
    return this.costs.fromModified;
  }
}
