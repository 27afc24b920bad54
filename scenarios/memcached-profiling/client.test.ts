import assert from 'node:assert/strict';
import type { ClientHandlers, ClientWorld } from '../runner/client-world.ts';
import { randomStreams } from '../runner/random.ts';
import { type ClientResult, MemcachedClients } from './client.ts';
import { defaultLoad, type Load } from './load.ts';

/** A world with a small memcached in it that answers each message after a fixed time. */
class FakeWorld implements ClientWorld {
  readonly #events: { time: number; order: number; run: (now: number) => void }[] = [];
  #order = 0;
  readonly store = new Map<string, string>();
  readonly profiling = new Set<ClientHandlers>();
  now = 0;
  serviceTime = 50e3;
  listensAt = 3e6;
  stopped = false;
  /** Changes a reply, to see whether it is noticed. */
  spoil: (reply: string) => string = (reply) => reply;

  at(time: number, run: (now: number) => void): void {
    this.#events.push({ time, order: this.#order++, run });
  }

  connect(at: number, handlers: ClientHandlers): { send(bytes: Uint8Array, at: number): void; close(): void } {
    this.at(at + 1, (now) => (now < this.listensAt ? handlers.onRefused(now) : handlers.onConnected(now)));
    return {
      send: (bytes, when) => {
        const replies = this.#answer(Buffer.from(bytes).toString('latin1'), handlers);
        if (replies === '') return;
        this.at(when + this.serviceTime, (now) => handlers.onData(Buffer.from(this.spoil(replies), 'latin1'), now));
      },
      close: () => {},
    };
  }

  #answer(text: string, handlers: ClientHandlers): string {
    let replies = '';
    for (let rest = text; rest !== ''; ) {
      const end = rest.indexOf('\r\n');
      const [command, key = '', , , size] = rest.slice(0, end).split(' ');
      rest = rest.slice(end + 2);
      if (command === 'get') {
        const value = this.store.get(key);
        replies += value === undefined ? 'END\r\n' : `VALUE ${key} 0 ${value.length}\r\n${value}\r\nEND\r\n`;
      } else if (command === 'set') {
        this.store.set(key, rest.slice(0, Number(size)));
        rest = rest.slice(Number(size) + 2);
        replies += 'STORED\r\n';
      } else if (command === 'profile') {
        this.profiling.add(handlers);
        replies += 'OK\r\n';
      } else if (command === 'shutdown') this.stopped = true;
    }
    return replies;
  }

  run(): void {
    while (this.#events.length > 0 && !this.stopped) {
      this.#events.sort((a, b) => a.time - b.time || a.order - b.order);
      const event = this.#events.shift()!;
      this.now = event.time;
      event.run(event.time);
    }
  }
}

const load: Load = { ...defaultLoad, connections: 6, keys: 40, think: 100e3, warmUp: 1e6, window: 10e6 };

function simulate(
  world: FakeWorld,
  profiled: ReadonlySet<number> = new Set(),
  seed = 1,
): { result: ClientResult; window: number[] } {
  const window: number[] = [];
  const clients = new MemcachedClients({
    world,
    load,
    streams: randomStreams(seed, load.connections + 1),
    profiled,
    events: { onWindowStart: (now) => window.push(now), onWindowEnd: (now) => window.push(now) },
  });
  clients.start(0);
  world.run();
  return { result: clients.result(), window };
}

describe('simulated memcached clients', () => {
  it('measure every reply of the window and find all right', () => {
    const { result, window } = simulate(new FakeWorld());
    assert.equal(result.wrongCount, 0, result.wrong.join('; '));
    assert.deepEqual(window, [result.windowStart, result.windowEnd]);
    assert.equal(result.windowEnd - result.windowStart, load.window);
    // Six clients, one request each 50 us + 100 us on average: 400 in 10 ms.
    assert.ok(result.measured > 300 && result.measured < 500, `${result.measured}`);
    assert.equal(result.performance.summary()?.mean, 50e3);
    assert.equal(result.profiled.count, 0);
    assert.equal(result.profiledCommands, 0);
  });

  it('ask for profiling where told, and count what they then send', () => {
    const world = new FakeWorld();
    const { result } = simulate(world, new Set([1, 4]));
    assert.equal(world.profiling.size, 2);
    assert.ok(result.profiled.count > 0 && result.profiledCommands > result.profiled.count);
    assert.equal(result.measured, result.profiled.count + result.performance.count);
  });

  it('send the same requests for the same seed, whoever is profiled', () => {
    const [a, b, c] = [
      simulate(new FakeWorld()),
      simulate(new FakeWorld(), new Set([0])),
      simulate(new FakeWorld(), new Set(), 2),
    ];
    assert.equal(a.result.measured, b.result.measured);
    assert.notEqual(a.result.measured, c.result.measured);
  });

  const spoilt: [string, (reply: string) => string, RegExp][] = [
    [
      'a stale or foreign value',
      (reply) => reply.replace(/\r\n\d+:/, (head) => head.replace(/\d/g, '9')),
      /never written/,
    ],
    ['changed bytes', (reply) => reply.replace(/(\r\n\d+:.)./, '$1#'), /other bytes/],
    ['a miss', (reply) => (reply.startsWith('VALUE') ? 'END\r\n' : reply), /a miss/],
    ['an error', (reply) => reply.replace('STORED', 'SERVER_ERROR out of memory'), /SERVER_ERROR/],
    ['another key', (reply) => reply.replace(/VALUE key:\d+/, 'VALUE key:4711'), /the value of key:4711/],
  ];
  for (const [what, spoil, message] of spoilt) {
    it(`notice ${what}`, () => {
      const world = new FakeWorld();
      world.spoil = spoil;
      const { result } = simulate(world);
      assert.ok(result.wrongCount > 0);
      assert.match(result.wrong[0]!, message);
    });
  }

  it('say so when the server never listens', () => {
    const world = new FakeWorld();
    world.listensAt = Number.POSITIVE_INFINITY;
    assert.throws(() => simulate(world), /does not listen/);
  });
});
