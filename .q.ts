import { ensureExecutables } from './scenarios/sqlite-assertions/executable.ts';
import { runLedger } from './scenarios/sqlite-assertions/ledger.ts';
import { ledgerModes } from './scenarios/sqlite-assertions/ledger-modes.ts';
const isa = (process.argv[2] ?? 'x86-64') as 'x86-64';
const e = await ensureExecutables(isa);
for (const { id } of ledgerModes) {
  const r = await runLedger({ program: 'ledger', mode: id, executable: e.paths.ledger.melf, seed: Number(process.argv[3] ?? 1), failures: Number(process.argv[4] ?? 8), machine: { isa, description: 'uniform-4', costModel: 'inorder', networkLatency: 20e3 } });
  console.log(id, r.transactions, r.switches, (r.time / 1e6).toFixed(1), r.hostSeconds.toFixed(1), JSON.stringify(r.unimplemented), r.failures.map((f) => `${f.found.damage ?? 'ok'}:${f.committed}->${f.found.last}`).join(' '));
}
