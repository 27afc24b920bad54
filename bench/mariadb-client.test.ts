import assert from 'node:assert/strict';
import { FakeWorld } from '../scenarios/mariadb-asan/tests/fake-server.ts';
import { encodeQuery, PacketClient } from './mariadb-client.ts';

describe("the bench's client of MariaDB", () => {
  it('logs in, asks, and gives the first column of the first row', async () => {
    const asked: string[] = [];
    const world = new FakeWorld((sql) => {
      asked.push(sql);
      return sql.startsWith('SELECT') ? { columns: ['c'], rows: [['row 7'], ['row 8']] } : 1;
    });
    const answers: (string | undefined)[] = [];
    const client: PacketClient = new PacketClient(world, 0, 'plain-1', {
      onRefused: () => assert.fail('refused'),
      onReady: (now) =>
        client.query(encodeQuery('SELECT c'), now, (first, at) => {
          answers.push(first);
          client.query(encodeQuery('UPDATE t'), at, (second) => answers.push(second));
        }),
    });
    await world.run();
    assert.deepEqual(world.users, ['plain-1']);
    assert.deepEqual(asked, ['SELECT c', 'UPDATE t']);
    assert.deepEqual(answers, ['row 7', undefined]);
  });

  it('stops at an error of the server', async () => {
    const world = new FakeWorld(() => 'nobody knows this');
    const client: PacketClient = new PacketClient(world, 0, 'plain-1', {
      onRefused: () => assert.fail('refused'),
      onReady: (now) => client.query(encodeQuery('WHAT'), now, () => assert.fail('answered')),
    });
    await assert.rejects(world.run(), /nobody knows this/);
  });
});
