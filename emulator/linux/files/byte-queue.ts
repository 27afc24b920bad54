/** Bytes in the order in which they came, kept as the chunks in which they came. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first chunk already taken. */
  #taken = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Appends bytes; the queue owns the array from now on. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
  }

  /** Copies as much as fits into `into` and removes it unless `peek`. Returns the number of bytes. */
  take(into: Uint8Array, peek = false): number {
    let done = 0;
    let index = this.#head;
    let skip = this.#taken;
    while (done < into.length && index < this.#chunks.length) {
      const chunk = this.#chunks[index]!;
      const part = Math.min(chunk.length - skip, into.length - done);
      into.set(skip === 0 && part === chunk.length ? chunk : chunk.subarray(skip, skip + part), done);
      done += part;
      skip += part;
      if (skip < chunk.length) break;
      index++;
      skip = 0;
    }
    if (!peek) {
      this.#head = index;
      this.#taken = skip;
      this.#length -= done;
      this.#compact();
    }
    return done;
  }

  clear(): void {
    this.#chunks = [];
    this.#head = this.#taken = this.#length = 0;
  }

  #compact(): void {
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head > 64 && this.#head * 2 > this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
