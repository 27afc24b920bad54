// How a database may ask for durability, and what SQLite promises for each: https://www.sqlite.org/pragma.html#pragma_synchronous

export interface LedgerMode {
  readonly id: string;
  /** PRAGMA journal_mode. */
  readonly journal: 'wal' | 'delete' | 'truncate';
  /** PRAGMA synchronous. */
  readonly synchronous: 'off' | 'normal' | 'full' | 'extra';
  /** Whether the database is sound after power failed. */
  readonly sound: boolean;
  /** Most committed transactions that may be missing then; undefined: any number. */
  readonly mayLose: number | undefined;
}

export const ledgerModes: readonly LedgerMode[] = [
  { id: 'wal-full', journal: 'wal', synchronous: 'full', sound: true, mayLose: 0 },
  { id: 'delete-extra', journal: 'delete', synchronous: 'extra', sound: true, mayLose: 0 },
  { id: 'truncate-full', journal: 'truncate', synchronous: 'full', sound: true, mayLose: 0 },
  // The removal of the journal, which commits, is not synced: the last transaction may be rolled back.
  { id: 'delete-full', journal: 'delete', synchronous: 'full', sound: true, mayLose: 1 },
  { id: 'wal-normal', journal: 'wal', synchronous: 'normal', sound: true, mayLose: undefined },
  { id: 'delete-off', journal: 'delete', synchronous: 'off', sound: false, mayLose: undefined },
];

export const ledgerModeNamed = (id: string): LedgerMode => {
  const found = ledgerModes.find((mode) => mode.id === id);
  if (found === undefined) throw new RangeError(`no ledger mode ${id}`);
  return found;
};
