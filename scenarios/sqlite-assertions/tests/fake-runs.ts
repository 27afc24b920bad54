import { chosenThreads, configurationNamed, expectsAssertions } from '../configurations.ts';
import type { AssertionFailure, ServiceRecord, StatementRecord } from '../run-record.ts';

export const fakeClients = 4;
export const fakeStatements = 40;

/** Both planted faults in a thread, as they are reported when all is right. */
export const plantedFailures = (thread: number): AssertionFailure[] => {
  const frames = (...names: string[]): string[] => names.map((name) => `${name}+0x12`);
  const rest = ['session_serve', 'serve', 'start'];
  return [
    {
      thread,
      variant: 'assert',
      where: 'sqlite3.c:1',
      expression: 'CORRUPT_DB || cellInfoEqual(&info, &pCur->info)',
      stack: frames('assertCellInfo', 'getCellInfo', 'accessPayload', 'sqlite3_blob_read', 'plant_page', ...rest),
    },
    {
      thread,
      variant: 'assert',
      where: 'sqlite3.c:2',
      expression: 'pVal->db==0 || sqlite3_mutex_held(pVal->db->mutex)',
      stack: frames('sqlite3ValueText', 'sqlite3_value_text', 'plant_value', ...rest),
    },
  ];
};

/** A run as it should be: statements cost 1000 cycles, 1800 under assertion. */
export function fakeRun(id: string, seed = 1, changes: Partial<ServiceRecord> = {}): ServiceRecord {
  const configuration = configurationNamed(id);
  const statements: StatementRecord[] = [];
  for (let client = 0; client < fakeClients; client++)
    for (let statement = 0; statement < fakeStatements; statement++) {
      const asserted = expectsAssertions(configuration, client, statement, fakeStatements) ?? false;
      const view = configuration.form === 'melf' && asserted ? 1 : 0;
      const factor = asserted ? 1.8 : 1;
      const cycles = (configuration.form === 'plain' ? 500 : 1000) * factor * (1 + statement / 100);
      statements.push({
        client,
        statement,
        asserted,
        view,
        instructions: cycles / 2,
        cycles,
        tlbMisses: 1,
        latency: cycles * 10,
      });
    }
  // Under "middle" a statement begins in noassert and ends in assert.
  const isMixed = configuration.policy === 'middle';
  const asserted = isMixed ? statements.length : statements.filter((one) => one.asserted).length;
  const threads =
    configuration.policy === 'always' ? [0, 1, 2, 3] : configuration.policy === 'never' ? [] : chosenThreads;
  return {
    program: 'service',
    configuration: id,
    seed,
    statements: configuration.planted === true ? [] : statements,
    failures: configuration.planted === true ? threads.flatMap(plantedFailures) : [],
    answersHash: `answers of ${seed}`,
    integrity: 'ok',
    contentHash: `content of ${seed}`,
    rows: 100,
    wrong: [],
    wrongCount: 0,
    requests: statements.length,
    exitCode: 0,
    resets: { noassert: statements.length - asserted, assert: asserted },
    binds: isMixed
      ? { noassert: statements.length, assert: 0 }
      : { noassert: statements.length - asserted, assert: asserted },
    switches: isMixed ? 4 * statements.length : 10,
    instructions: 1e6,
    time: 1e6,
    traceHash: `trace of ${seed}`,
    unimplemented: {},
    hostSeconds: 1,
    ...changes,
  };
}
