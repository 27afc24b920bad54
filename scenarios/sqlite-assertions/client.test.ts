import assert from 'node:assert/strict';
import type { ClientHandlers } from '../runner/client-world.ts';
import { randomStreams } from '../runner/random.ts';
import { ClientModel, Clients } from './client.ts';
import { configurationNamed } from './configurations.ts';

const modelOf = (client: number, seed = 1) => new ClientModel(client, 4, randomStreams(seed, 1)[0]!);

/** A service that knows the answers of honest models, one request at a time, and answers after 10 µs. */
function simulate(id: string, spoil: (reply: string, text: string) => string = (reply) => reply) {
  const load = { clients: 4, statements: 40, think: 1000 };
  const models = Array.from(
    { length: load.clients },
    (_, client) => new ClientModel(client, 4, randomStreams(7, 8)[client]!),
  );
  const events: { at: number; run: (now: number) => void }[] = [];
  const requests: string[][] = [[], [], [], []];
  let closed = 0;
  const world = {
    at: (time: number, callback: (now: number) => void) => void events.push({ at: time, run: callback }),
    connect: (at: number, handlers: ClientHandlers) => {
      const own = requests.findIndex((one, index) => one.length === 0 && !taken.has(index));
      taken.add(own);
      world.at(at, (now) => handlers.onConnected(now));
      return {
        send: (bytes: Uint8Array, now: number) => {
          const text = Buffer.from(bytes).toString().trimEnd();
          requests[own]!.push(text);
          const isStatement = !/^(client|assert|plant) /.test(text);
          const answer = isStatement ? models[own]!.next() : { text, reply: 'ok' };
          assert.equal(text.replace('!', ''), answer.text);
          const reply = spoil(answer.reply, text);
          // In two pieces, as a network may.
          world.at(now + 5000, (later) => handlers.onData(Buffer.from(reply.slice(0, 1)), later));
          world.at(now + 10_000, (later) => handlers.onData(Buffer.from(`${reply.slice(1)}\n`), later));
        },
        close: () => void closed++,
      };
    },
  };
  const taken = new Set<number>();
  const clients = new Clients({ world, load, configuration: configurationNamed(id), streams: randomStreams(7, 8) });
  clients.start(0);
  while (events.length > 0) {
    events.sort((a, b) => a.at - b.at);
    const next = events.shift()!;
    next.run(next.at);
  }
  return { clients, requests, closed };
}

describe('clients of the service', () => {
  it('know their balances and notes after every request', () => {
    const model = modelOf(2);
    let notes = 0;
    for (let count = 0; count < 2000; count++) {
      const { text, reply } = model.next();
      if (text.startsWith('note')) notes++;
      if (text.startsWith('owner')) assert.equal(reply, `ok|50 50000 ${notes}`);
      if (text === 'sum') assert.equal(reply, 'ok|200 200000');
      if (text.startsWith('list')) assert.equal(reply.split('|').length - 1, Math.min(notes, 8));
      const account = /^get (\d+)/.exec(text)?.[1];
      if (account !== undefined) assert.ok(Number(account) >= 100 && Number(account) < 150);
    }
    assert.ok(notes > 100);
  });

  it('ask the same in every configuration, and no two seeds the same', () => {
    const texts = (seed: number) => {
      const model = modelOf(0, seed);
      return Array.from({ length: 50 }, () => model.next().text);
    };
    assert.deepEqual(texts(1), texts(1));
    assert.notDeepEqual(texts(1), texts(2));
    const plain = simulate('plain');
    const planted = simulate('planted-threads');
    const without = (all: string[][]) => all.map((one) => one.filter((text) => !text.startsWith('plant ')));
    assert.deepEqual(without(planted.requests), plain.requests);
    assert.equal(planted.clients.answersHash(), plain.clients.answersHash());
  });

  it('send each statement, measure it, and close', () => {
    const { clients, requests, closed } = simulate('melf-50');
    assert.equal(closed, 4);
    assert.equal(clients.wrongCount, 0);
    assert.equal(clients.requests, 4 * 41);
    assert.ok(requests.every((one) => one.length === 41));
    for (let client = 0; client < 4; client++)
      for (let statement = 0; statement < 40; statement++)
        assert.ok(Math.abs(clients.latency(client, statement)! - 10_000) < 1e-3);
  });

  it('mark one statement, switch their sessions, and plant, where the configuration says so', () => {
    const marked = simulate('request')
      .requests.flat()
      .filter((text) => text.startsWith('!'));
    assert.equal(marked.length, 1);
    for (const own of simulate('session').requests)
      assert.deepEqual([own.indexOf('assert on'), own.indexOf('assert off')], [1 + 13, 2 + 26]);
    for (const own of simulate('planted-always').requests)
      assert.deepEqual([own.indexOf('plant page'), own.indexOf('plant value')], [1 + 20, 2 + 30]);
  });

  it('notice every wrong answer', () => {
    const { clients } = simulate('plain', (reply, text) => (text === 'sum' ? 'ok|200 199999' : reply));
    assert.ok(clients.wrongCount > 0);
    assert.match(clients.wrong[0]!, /sum: ok\|200 199999, not ok\|200 200000/);
    assert.notEqual(clients.answersHash(), simulate('plain').clients.answersHash());
  });
});
