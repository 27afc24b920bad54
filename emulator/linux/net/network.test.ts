import assert from 'node:assert/strict';
import fc from 'fast-check';
import { TimerQueue } from '../../scheduler/timers.ts';
import { Family, loopback } from './addresses.ts';
import { Network } from './network.ts';
import type { StreamSocket } from './stream-socket.ts';

const LATENCY = 20_000;
const EAGAIN = -11;

function listening(port = 80, backlog = 10) {
  const timers = new TimerQueue();
  const network = new Network({ timers, latency: LATENCY });
  const listener = network.socket(Family.INET, 1, true) as StreamSocket;
  listener.retain();
  assert.equal(network.bindInet(listener, loopback(port)), 0);
  assert.equal(network.listen(listener, backlog, 0), 0);
  return { timers, network, listener };
}

describe('network', () => {
  it('takes one latency each way', () => {
    const { timers, network, listener } = listening();
    const heard: [string, number][] = [];
    const client = network.connect({ port: 80 }, 1000, {
      onConnected: (at) => heard.push(['connected', at]),
      onData: (bytes, at) => heard.push([Buffer.from(bytes).toString(), at]),
      onClose: (at) => heard.push(['closed', at]),
    });
    assert.equal(listener.listener!.accept(0), undefined);
    timers.runDue(1000 + 3 * LATENCY);
    assert.deepEqual(heard, [['connected', 1000 + 2 * LATENCY]]);
    const server = listener.listener!.accept(1000 + 3 * LATENCY)!;
    server.retain();
    client.send(Buffer.from('ask'), 100_000);
    timers.runDue(100_000 + LATENCY - 1);
    assert.equal(server.read(new Uint8Array(9), 0), EAGAIN);
    timers.runDue(100_000 + LATENCY);
    assert.equal(server.read(new Uint8Array(9), 100_000 + LATENCY), 3);
    server.write(Buffer.from('answer'), 150_000);
    server.release(160_000);
    timers.runDue(1e9);
    assert.deepEqual(heard.slice(1), [
      ['answer', 150_000 + LATENCY],
      ['closed', 160_000 + LATENCY],
    ]);
  });

  it('refuses where nobody listens and says when somebody does', () => {
    const timers = new TimerQueue();
    const network = new Network({ timers, latency: LATENCY });
    let refused = 0;
    network.connect({ port: 9 }, 0, { onRefused: (at) => (refused = at) });
    timers.runDue(1e6);
    assert.equal(refused, 2 * LATENCY);
    let ready = -1;
    network.whenListening({ port: 9 }, (at) => (ready = at));
    const listener = network.socket(Family.INET, 1, true) as StreamSocket;
    network.bindInet(listener, loopback(9));
    network.listen(listener, 1, 5e6);
    timers.runDue(6e6);
    assert.equal(ready, 5e6);
  });

  it('carries bytes both ways in order, whatever the sizes, within bounded buffers', function () {
    this.timeout(20_000);
    const step = fc.oneof(
      fc.record({ client: fc.integer({ min: 1, max: 300_000 }) }),
      fc.record({ server: fc.integer({ min: 1, max: 300_000 }) }),
      fc.record({ read: fc.integer({ min: 1, max: 100_000 }) }),
      fc.record({ pass: fc.integer({ min: 1, max: 100_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { timers, network, listener } = listening();
        let now = 0;
        let answered = 0;
        const client = network.connect({ port: 80 }, 0, {
          onData: (bytes) => {
            for (const byte of bytes) if (byte !== answered++ % 253) assert.fail(`byte ${answered} is wrong`);
          },
        });
        const pass = (time: number) => {
          now += time;
          timers.runDue(now);
        };
        pass(1e6);
        const server = listener.listener!.accept(now)!;
        let asked = 0;
        let read = 0;
        let sent = 0;
        const take = (length: number): number => {
          const into = new Uint8Array(length);
          const count = server.read(into, now);
          for (let index = 0; index < count; index++)
            if (into[index] !== read++ % 251) assert.fail(`byte ${read} is wrong`);
          return count;
        };
        for (const one of steps) {
          if ('client' in one) {
            const from = asked;
            client.send(
              Uint8Array.from({ length: one.client }, (_, index) => (from + index) % 251),
              now,
            );
            asked += one.client;
          } else if ('server' in one) {
            const from = sent;
            const count = server.write(
              Uint8Array.from({ length: one.server }, (_, index) => (from + index) % 253),
              now,
            );
            if (count > 0) sent += count;
          } else if ('read' in one) take(one.read);
          else pass(one.pass);
          assert.ok(server.available() <= 2 * server.receiveBuffer);
        }
        for (let rounds = 0; read < asked && rounds < 1000; rounds++) {
          pass(1e6);
          take(1e6);
        }
        timers.runDue(now + 1e9);
        assert.equal(read, asked);
        assert.equal(answered, sent);
      }),
      { numRuns: 60 },
    );
  });

  it('resets where bytes were left unread, and both ends learn of it', () => {
    const { timers, network, listener } = listening();
    const heard: boolean[] = [];
    const client = network.connect({ port: 80 }, 0, { onClose: (_at, reset) => heard.push(reset) });
    timers.runDue(1e6);
    const server = listener.listener!.accept(1e6)!.retain();
    client.send(Uint8Array.of(1), 1e6);
    timers.runDue(2e6);
    server.release(2e6);
    timers.runDue(3e6);
    assert.deepEqual(heard, [true]);
    const other = network.connect({ port: 80 }, 3e6, {});
    timers.runDue(4e6);
    const second = listener.listener!.accept(4e6)!.retain();
    other.reset(4e6);
    timers.runDue(5e6);
    assert.equal(second.read(new Uint8Array(1), 5e6), -104);
    assert.equal(second.read(new Uint8Array(1), 5e6), 0);
  });

  it('lets attempts beyond the backlog wait for accept', () => {
    const { timers, network, listener } = listening(80, 1);
    const connected: number[] = [];
    for (let id = 0; id < 5; id++) network.connect({ port: 80 }, 0, { onConnected: () => connected.push(id) });
    timers.runDue(1e6);
    assert.deepEqual(connected, [0, 1]);
    for (let turn = 1; turn <= 5; turn++) {
      assert.ok(listener.listener!.accept(turn * 1e6));
      timers.runDue((turn + 1) * 1e6);
    }
    assert.deepEqual(connected, [0, 1, 2, 3, 4]);
  });

  it('says no to an address in use, unless both want to share it', () => {
    const { network } = listening();
    const other = network.socket(Family.INET, 1, true) as StreamSocket;
    other.reuseAddress = true;
    assert.equal(network.bindInet(other, loopback(80)), -98);
    assert.equal(network.bindInet(other, { ...loopback(80), host: Uint8Array.of(10, 0, 0, 1) }), -99);
    assert.equal(network.bindInet(other, loopback(0)), 0);
  });

  it('carries hundreds of thousands of messages in a few seconds', function () {
    this.timeout(20_000);
    const { timers, network, listener } = listening(80, 100);
    const message = Buffer.from('get key0000000000\r\n');
    let answers = 0;
    const clients = Array.from({ length: 64 }, () => {
      const client = network.connect({ port: 80 }, 0, {
        onConnected: (at) => client.send(message, at),
        onData: (_bytes, at) => {
          answers++;
          if (answers < 200_000) client.send(message, at + 1000);
        },
      });
      return client;
    });
    timers.runDue(1e6);
    const buffer = new Uint8Array(2048);
    for (let socket = listener.listener!.accept(1e6); socket; socket = listener.listener!.accept(1e6)) {
      const server = socket;
      server.watch((_events, at) => {
        const count = server.read(buffer, at);
        if (count > 0) server.write(buffer.subarray(0, count), at);
      });
      const count = server.read(buffer, 1e6);
      if (count > 0) server.write(buffer.subarray(0, count), 1e6);
    }
    const started = performance.now();
    timers.runDue(Number.POSITIVE_INFINITY);
    assert.equal(clients.length, 64);
    assert.ok(answers >= 200_000);
    assert.ok(performance.now() - started < 10_000, 'this host needed more than 50 us a round trip');
  });
});
