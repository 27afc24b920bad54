import assert from 'node:assert/strict';
import { type Answer, Session } from './session.ts';
import { FakeWorld } from './tests/fake-server.ts';

const quiet = { onReady: () => {}, onRefused: () => {}, onLost: () => {} };

describe('a MariaDB session in virtual time', () => {
  it('asks and is answered without the host having a part in it', async () => {
    const asked: string[] = [];
    const world = new FakeWorld((sql) => {
      asked.push(sql);
      if (sql.startsWith('SELECT'))
        return {
          columns: ['id', 'c'],
          rows: [
            [1, 'one'],
            [2, null],
          ],
        };
      return sql.startsWith('UPDATE') ? 3 : 'nobody knows this';
    });
    const answers: [Answer, number][] = [];
    const session: Session = new Session(world, 100, 'asan-1', {
      ...quiet,
      onReady: (now) =>
        session.query('SELECT 1', now, (first, at) => {
          answers.push([first, at]);
          session.query('UPDATE t', at + 5000, (second, later) => {
            answers.push([second, later]);
            session.query('WHAT', later, (third, last) => {
              answers.push([third, last]);
              session.close(last);
            });
          });
        }),
    });
    await world.run();
    assert.deepEqual(world.users, ['asan-1']);
    assert.deepEqual(asked, ['SELECT 1', 'UPDATE t', 'WHAT']);
    assert.deepEqual(
      answers.map(([answer]) => answer),
      [
        {
          rows: [
            ['1', 'one'],
            ['2', 'NULL'],
          ],
          changed: undefined,
          error: undefined,
        },
        { rows: undefined, changed: 3, error: undefined },
        { rows: [], changed: undefined, error: 'nobody knows this' },
      ],
    );
    // Each way takes 1000 ns.
    const [first, second] = answers.map(([, at]) => at) as [number, number];
    assert.equal(second - first, 5000 + 2000);
  });

  it('tells that nobody listens, and does not mind when it is to end', async () => {
    const world = new FakeWorld(() => 0, 5000);
    const refused: number[] = [];
    new Session(world, 10, 'root', { ...quiet, onRefused: (now) => refused.push(now) });
    await world.run();
    assert.deepEqual(refused, [1010]);
  });
});
