// What simulated clients need of the machine that they talk to.

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
