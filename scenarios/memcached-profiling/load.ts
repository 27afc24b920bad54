import type { Placement } from './configurations.ts';

/** What the clients do. Times are ns of virtual time. */
export interface Load {
  readonly connections: number;
  /** Share of GETs among the requests; the others are SETs. */
  readonly getShare: number;
  readonly keys: number;
  /** Exponent of the keys' Zipf distribution. */
  readonly zipf: number;
  /** Sizes of values are uniform between these. */
  readonly valueBytes: { readonly least: number; readonly most: number };
  /** Mean time from a reply to the connection's next request. */
  readonly think: number;
  readonly thinkDistribution: 'exponential' | 'fixed';
  /** Which of the connections are the profiled ones. */
  readonly placement: Placement;
  /** Requests sent in this time are made and checked, but not measured. */
  readonly warmUp: number;
  /** Requests sent in this time after the warm-up are measured. */
  readonly window: number;
}

/**
 * The mix and the skew of the issue; a think time that keeps the workers of the plain server busy for about a third of the time, so that requests queue
 * now and then but the server is not the only thing that latency depends on.
 */
export const defaultLoad: Load = {
  connections: 64,
  getShare: 0.9,
  keys: 1000,
  zipf: 0.99,
  valueBytes: { least: 32, most: 512 },
  think: 200e3,
  thinkDistribution: 'exponential',
  placement: 'random',
  warmUp: 5e6,
  window: 50e6,
};

/** Of an item besides its value: memcached's header, the key, the line end. */
const itemOverhead = 100;
/** memcached's own default. */
const leastMebibytes = 64;

/** The memory, in MiB, that memcached needs to keep every key: twice the items, since it rounds sizes up to those of its slab classes. */
export function storeMebibytes({ keys, valueBytes }: Load): number {
  return Math.max(leastMebibytes, Math.ceil((2 * keys * (valueBytes.most + itemOverhead)) / 2 ** 20));
}
