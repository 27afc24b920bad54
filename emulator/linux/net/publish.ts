import { createServer, type Socket as HostSocket } from 'node:net';
import { MelfError } from '../../../base/errors.ts';
import type { Network } from './network.ts';
import type { SimulatedConnection } from './simulated-client.ts';

/** Brings what happens on the host into the guest's time (`Realtime`). */
export interface HostClock {
  /** Does `action` soon, at a virtual time that is not before anything the guest has done. */
  post(action: (now: number) => void): void;
}

/** A port of the host that leads to the guest. */
export interface PublishedPort {
  readonly port: number;
  /** Ends its connections and frees the port. */
  close(): Promise<void>;
}

/** The host's port cannot be had. */
export class PublishError extends MelfError {}

const HOST = '127.0.0.1';
/** A host connection is not read on while this many bytes wait for the guest. */
const MOST_WAITING = 2 ** 20;

/**
 * Binds 127.0.0.1:`port` on the host (0 = any free one) and leads each connection to the guest's listener on `guestPort`, with back
 * pressure both ways. A connection that the guest refuses is reset.
 */
export async function publish(
  network: Network,
  clock: HostClock,
  port: number,
  guestPort: number = port,
): Promise<PublishedPort> {
  const open = new Set<HostSocket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    bridge(network, clock, guestPort, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const hint =
        error.code === 'EADDRINUSE' ? 'something else uses the port: choose another, or end it' : 'choose another port';
      reject(
        new PublishError('network.publish', `cannot bind ${HOST}:${port} on the host`, {
          facts: { reason: error.code },
          hint,
          cause: error,
        }),
      );
    });
    server.listen(port, HOST, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function bridge(network: Network, clock: HostClock, guestPort: number, socket: HostSocket): void {
  let guest: SimulatedConnection | undefined;
  socket.setNoDelay(true);
  clock.post((now) => {
    guest = network.connect({ port: guestPort }, now, {
      halfOpen: true,
      onData: (bytes) => {
        if (socket.destroyed) return true;
        socket.write(bytes, () => clock.post((later) => guest?.consumed(bytes.length, later)));
        return false;
      },
      onClose: (_at, reset) => {
        if (reset) socket.resetAndDestroy();
        else socket.end();
      },
      onRefused: () => socket.resetAndDestroy(),
      onDrain: () => socket.resume(),
    });
  });
  socket.on('data', (chunk) => {
    const bytes = Uint8Array.from(chunk);
    clock.post((now) => {
      guest?.send(bytes, now);
      if ((guest?.waiting ?? 0) > MOST_WAITING) socket.pause();
    });
  });
  socket.on('end', () => clock.post((now) => guest?.close(now)));
  // The host's connection broke: the guest sees the same. What there is to say of it, the peer knows.
  socket.on('error', () => clock.post((now) => guest?.reset(now)));
}
