import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { TimerQueue } from '../../scheduler/timers.ts';
import { Family, loopback } from './addresses.ts';
import { Network } from './network.ts';
import { PublishError, publish } from './publish.ts';
import type { StreamSocket } from './stream-socket.ts';

/** A guest that echoes, with a clock that is run by hand. */
function echoServer() {
  const timers = new TimerQueue();
  const network = new Network({ timers, latency: 1000 });
  const listener = network.socket(Family.INET, 1, true) as StreamSocket;
  network.bindInet(listener, loopback(7));
  network.listen(listener, 5, 0);
  const buffer = new Uint8Array(65536);
  const echo = (server: StreamSocket, at: number): void => {
    const count = server.read(buffer, at);
    if (count > 0) {
      server.write(buffer.subarray(0, count), at);
      echo(server, at);
    } else if (count === 0) server.release(at);
  };
  listener.watch((_events, at) => {
    const server = listener.listener!.accept(at)!.retain();
    server.watch((_changed, when) => echo(server, when));
    echo(server, at);
  });
  let now = 0;
  const clock = {
    post: (action: (at: number) => void) => {
      setImmediate(() => {
        now += 1000;
        action(now);
        now += 1e6;
        timers.runDue(now);
      });
    },
  };
  return { network, clock };
}

describe('publish', () => {
  it('leads host connections to the guest and back, to the end of both directions', async () => {
    const { network, clock } = echoServer();
    const published = await publish(network, clock, 0, 7);
    const sent = Buffer.alloc(300_000, 'melf');
    const received: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      const socket = connect(published.port, '127.0.0.1');
      socket.on('data', (chunk) => received.push(chunk));
      socket.on('end', resolve);
      socket.on('error', reject);
      socket.end(sent);
    });
    assert.ok(Buffer.concat(received).equals(sent));
    await published.close();
  });

  it('resets a connection that nobody in the guest takes', async () => {
    const { network, clock } = echoServer();
    const published = await publish(network, clock, 0, 8);
    const code = await new Promise<string | undefined>((resolve) => {
      const socket = connect(published.port, '127.0.0.1');
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on('end', () => resolve('end'));
    });
    assert.equal(code, 'ECONNRESET');
    await published.close();
  });

  it('says so when the port is taken', async () => {
    const { network, clock } = echoServer();
    const first = await publish(network, clock, 0, 7);
    await assert.rejects(publish(network, clock, first.port, 7), PublishError);
    await first.close();
  });
});
