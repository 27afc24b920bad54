/** What is measured, as `npm run bench` names it. */
export const rowIds = [
  'guest-x86-64-accounting',
  'guest-x86-64-plain',
  'guest-x86-64-stock',
  'guest-aarch64-accounting',
  'guest-aarch64-plain',
  'syscalls',
  'migrate',
  'view-create',
  'link-memcached',
  'link-memcached-process',
  'link-sqlite',
  'link-sqlite-lld',
  'link-large',
  'link-large-lld',
  'link-sqlite-two',
  'rss-memcached',
  'link-mariadb',
  'memory-link-mariadb',
  'mariadb-start',
  'mariadb-selects',
  'mariadb-selects-uncounted',
  'mariadb-selects-of-four',
  'malloc-one-frame',
  'malloc-ten-frames',
] as const;

export type RowId = (typeof rowIds)[number];

/** One line of the table. */
export interface Row {
  readonly id: RowId;
  /** What it is, in words. */
  readonly what: string;
  readonly ours: number;
  /** The peer's figure in the same unit, where there is one. */
  readonly peer: number | null;
  /** Ours against the peer's, as the bound means it; null without a peer. */
  readonly ratio: number | null;
  /** What has to be reached; null for rows that only inform. */
  readonly bound: number | null;
  readonly ok: boolean;
  readonly unit: string;
}

interface Measured {
  readonly what: string;
  readonly ours: number;
  readonly peer?: number;
  readonly ratio?: number;
  readonly unit: string;
  /** At least or at most this: of the ratio where there is one, else of ours. */
  readonly atLeast?: number;
  readonly below?: number;
}

/** Judges a measurement against its bound. */
export function judged(id: RowId, { what, ours, peer, ratio, unit, atLeast, below }: Measured): Row {
  const judgedValue = ratio ?? ours;
  const ok = (atLeast === undefined || judgedValue >= atLeast) && (below === undefined || judgedValue < below);
  return { id, what, ours, peer: peer ?? null, ratio: ratio ?? null, bound: atLeast ?? below ?? null, ok, unit };
}

/** The middle value; of an even number, the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
