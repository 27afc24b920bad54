// What the store may answer. Requests of different connections overlap, so a GET has several right answers: every value that a write left
// there which was not yet overwritten, in any order of the overlapping requests that some real server could have kept (Herlihy and Wing,
// "Linearizability", 1990, for one register).

interface Write {
  readonly version: number;
  readonly length: number;
  readonly start: number;
  /** When its reply was received; infinite before that. */
  end: number;
  /** When a write that began after this one's end was itself complete: from here on nobody may see this one. */
  overwritten: number;
}

/** Enough versions to need no look at who still waits for an answer. */
const keptUnpruned = 8;

/**
 * The bytes of a version: its number, then letters that only this key and version have in this order, so that a mixed-up or torn value is
 * noticed.
 */
export function valueBytes(key: number, version: number, length: number): Buffer {
  const head = `${version}:`;
  const bytes = Buffer.alloc(length);
  let state = (Math.imul(key + 1, 0x9e3779b1) ^ Math.imul(version + 1, 0x85ebca6b)) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = 97 + ((state >>> 24) % 26);
  }
  bytes.write(head, 0, 'latin1');
  return bytes;
}

/** The store as the clients may see it. Times are those of the clients: request sent, reply received. */
export class StoreModel {
  readonly #writes = new Map<number, Write[]>();
  #versions = 0;

  /** A write is on its way. Gives what to send and what to tell `wrote`. */
  beginWrite(key: number, length: number, at: number): { version: number; bytes: Buffer } {
    const version = ++this.#versions;
    const write = { version, length, start: at, end: Number.POSITIVE_INFINITY, overwritten: Number.POSITIVE_INFINITY };
    const writes = this.#writes.get(key);
    if (writes === undefined) this.#writes.set(key, [write]);
    else writes.push(write);
    return { version, bytes: valueBytes(key, version, length) };
  }

  /** The write's reply has come. `oldestRequest`: when the oldest request was sent that still waits for its reply. */
  endWrite(key: number, version: number, at: number, oldestRequest: number): void {
    const writes = this.#writes.get(key)!;
    const write = writes.find((other) => other.version === version)!;
    write.end = at;
    for (const other of writes) if (other.end < write.start) other.overwritten = Math.min(other.overwritten, at);
    if (writes.length > keptUnpruned)
      this.#writes.set(
        key,
        writes.filter((other) => other.overwritten >= oldestRequest),
      );
  }

  /** Says what is wrong with a GET's answer (`undefined`: a miss), or gives nothing when it is right. */
  checkRead(key: number, bytes: Buffer | undefined, sent: number): string | undefined {
    const writes = this.#writes.get(key) ?? [];
    if (bytes === undefined) {
      // Nothing is evicted or deleted here: once a write is complete the key exists.
      const complete = writes.find(({ end }) => end < sent);
      return complete === undefined ? undefined : `a miss, though version ${complete.version} was stored`;
    }
    const version = Number.parseInt(bytes.toString('latin1', 0, 16), 10);
    const write = writes.find((other) => other.version === version);
    if (write === undefined) return `version ${version} was never written to this key, or is long overwritten`;
    if (write.overwritten < sent) return `version ${version} was overwritten ${sent - write.overwritten} ns before`;
    if (!bytes.equals(valueBytes(key, version, write.length)))
      return `version ${version} has other bytes than were written`;
    return undefined;
  }
}
