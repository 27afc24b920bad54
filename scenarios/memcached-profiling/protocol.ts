// memcached's ASCII protocol (protocol.txt of its source) as far as the client speaks it.

/** An item of a GET's reply. */
export interface ReplyValue {
  readonly key: string;
  readonly bytes: Buffer;
}

/** A whole reply: its values, and the line that ends it ("END", "STORED", "OK", ...). */
export interface Reply {
  readonly values: readonly ReplyValue[];
  readonly line: string;
}

export const getRequest = (key: string): Buffer => Buffer.from(`get ${key}\r\n`, 'latin1');

export function setRequest(key: string, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`set ${key} 0 0 ${value.length}\r\n`, 'latin1'), value, Buffer.from('\r\n')]);
}

/** Cuts the bytes of a connection into replies. */
export class ReplyReader {
  #rest: Buffer = Buffer.alloc(0);
  #values: ReplyValue[] = [];

  /** Gives the replies that these bytes complete. Throws when they are none of the protocol's. */
  push(bytes: Uint8Array): Reply[] {
    this.#rest = this.#rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#rest, bytes]);
    const replies: Reply[] = [];
    for (;;) {
      const end = this.#rest.indexOf('\r\n');
      if (end < 0) break;
      const line = this.#rest.toString('latin1', 0, end);
      let used = end + 2;
      if (line.startsWith('VALUE ')) {
        const [, key = '', , size] = line.split(' ');
        const length = Number(size);
        if (!Number.isInteger(length) || length < 0) throw new Error(`not a VALUE line: ${line}`);
        used += length + 2;
        if (this.#rest.length < used) break;
        this.#values.push({ key, bytes: this.#rest.subarray(end + 2, end + 2 + length) });
        if (this.#rest.toString('latin1', used - 2, used) !== '\r\n')
          throw new Error(`no line end after the value of ${key}`);
      } else {
        replies.push({ values: this.#values, line });
        this.#values = [];
      }
      this.#rest = this.#rest.subarray(used);
    }
    return replies;
  }
}
