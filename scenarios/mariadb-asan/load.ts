/** What the clients do. Times are ns of virtual time. */
export interface Load {
  readonly connections: number;
  /** Rows that each connection has in each table; nobody else changes them. */
  readonly rows: number;
  /** Whether a fifth of the statements changes rows; else all read, and no table is locked against readers. */
  readonly writes: boolean;
  /** Mean time from a reply to the connection's next statement; exponentially distributed. */
  readonly think: number;
  /** Statements sent in this time are made and checked, but not measured. */
  readonly warmUp: number;
  /** Statements sent in this time after the warm-up are measured. */
  readonly window: number;
}

/** A think time that keeps the CPUs of the plain server busy for about a quarter of the time. */
export const defaultLoad: Load = { connections: 16, rows: 60, writes: true, think: 1e6, warmUp: 5e6, window: 80e6 };

/** Of runs that are only checked, and not measured: less. */
export const checkedOnlyLoad = (load: Load): Load => ({
  ...load,
  connections: Math.min(load.connections, 8),
  warmUp: Math.min(load.warmUp, 1e6),
  window: Math.min(load.window, 8e6),
});

/** The tables: one for each engine. */
export const tables = [
  { name: 'sb_aria', engine: 'Aria' },
  { name: 'sb_myisam', engine: 'MyISAM' },
] as const;

/** Of the text column, characters. */
export const textLength = 60;

/** What a row holds at first. */
export const firstNumber = (id: number): number => (id * 7919) % 1000;
export const firstText = (id: number): string => `row ${id} `.padEnd(textLength, String.fromCharCode(97 + (id % 26)));
