// What simulated clients need of the machine that they talk to.

import type { Machine } from '../../emulator/machine.ts';

/** A connection of a simulated client, as the guest's network gives it. */
export interface ClientConnection {
  send(bytes: Uint8Array, at: number): void;
  close(at: number): void;
}

/** What a connection tells its client; times are ns of virtual time. */
export interface ClientHandlers {
  onConnected(at: number): void;
  onData(bytes: Uint8Array, at: number): void;
  onClose(at: number): void;
  onRefused(at: number): void;
}

/** What the clients need of the world they live in; all times are ns of virtual time. */
export interface ClientWorld {
  at(time: number, callback: (now: number) => void): void;
  connect(at: number, handlers: ClientHandlers): ClientConnection;
}

/** A machine as its clients see it, with the server on one port. */
export const worldOf = ({ kernel, network }: Machine, port: number): ClientWorld => ({
  at: (time, callback) => void kernel.timers.at(time, callback),
  connect: (at, handlers) => network.connect({ port }, at, handlers),
});
