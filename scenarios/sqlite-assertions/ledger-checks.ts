// Whether databases survived power failures as SQLite promises for how they asked for durability.

import type { Check } from '../runner/checks.ts';
import { type LedgerMode, ledgerModeNamed, ledgerModes } from './ledger-modes.ts';
import type { LedgerRecord, PowerFailure } from './run-record.ts';

/** All runs of one mode together. */
export interface LedgerResult {
  readonly mode: string;
  readonly failures: number;
  readonly damaged: number;
  /** Failures after which a committed transaction was missing from a sound database, and the most that were missing after one. */
  readonly losing: number;
  readonly mostLost: number;
  readonly transactions: number;
  /** Transactions a millisecond of virtual time, start and recovery included. */
  readonly rate: number;
}

const lost = ({ committed, found }: PowerFailure): number =>
  found.damage === undefined ? Math.max(0, committed - found.last) : 0;

export function summariseLedgers(runs: readonly LedgerRecord[]): LedgerResult[] {
  return ledgerModes.flatMap(({ id }) => {
    const own = runs.filter(({ mode }) => mode === id);
    if (own.length === 0) return [];
    const failures = own.flatMap((run) => run.failures);
    const transactions = own.reduce((sum, run) => sum + run.transactions, 0);
    return [
      {
        mode: id,
        failures: failures.length,
        damaged: failures.filter(({ found }) => found.damage !== undefined).length,
        losing: failures.filter((failure) => lost(failure) > 0).length,
        mostLost: Math.max(0, ...failures.map(lost)),
        transactions,
        rate: transactions / (own.reduce((sum, run) => sum + run.time, 0) / 1e6),
      },
    ];
  });
}

/** Why a failure left what its mode does not allow. A transaction may be there whose COMMIT had not returned yet, one at most. */
function broken({ sound, mayLose }: LedgerMode, { committed, found }: PowerFailure): string | undefined {
  if (sound && found.damage !== undefined) return found.damage;
  if (found.damage !== undefined) return undefined;
  if (found.last > committed + 1) return `transaction ${found.last} after ${committed} were committed`;
  return mayLose !== undefined && committed - found.last > mayLose
    ? `${found.last} of ${committed} committed transactions`
    : undefined;
}

export function checkLedgers(runs: readonly LedgerRecord[]): Check[] {
  if (runs.length === 0) return [];
  const complaints = runs.flatMap((run) =>
    run.failures.flatMap((failure) => {
      const text = broken(ledgerModeNamed(run.mode), failure);
      return text === undefined ? [] : [`${run.mode}, seed ${run.seed}: ${text}`];
    }),
  );
  const results = summariseLedgers(runs);
  const count = results.reduce((sum, { failures }) => sum + failures, 0);
  const careless = results.filter(({ mode }) => !ledgerModeNamed(mode).sound);
  const bitten = careless.reduce((sum, { damaged, losing }) => sum + damaged + losing, 0);
  const checks: Check[] = [
    {
      name: 'after a power failure at any moment a database is sound and has what was committed, as its pragmas promise',
      ok: complaints.length === 0,
      detail:
        complaints.length > 0
          ? complaints.slice(0, 5).join('; ')
          : `${count} power failures: ${results.map(({ mode, failures }) => `${mode} ${failures}`).join(', ')}`,
    },
  ];
  if (careless.length > 0) {
    checks.push({
      name: 'power failures do take what was never synced',
      ok: bitten > 0,
      detail: careless
        .map(
          ({ mode, failures, damaged, losing }) => `${mode}: ${damaged} damaged, ${losing} with losses of ${failures}`,
        )
        .join('; '),
    });
  }
  return checks;
}
