// Reading what debug information is made of (DWARF 5, section 7: numbers, strings, abbreviations).

/** Reads little-endian fields of a section one after the other. Beyond its end a RangeError is thrown. */
export class Cursor {
  readonly bytes: Buffer;
  at: number;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  u8(): number {
    return this.#view.getUint8(this.at++);
  }
  i8(): number {
    return this.#view.getInt8(this.at++);
  }
  u16(): number {
    this.at += 2;
    return this.#view.getUint16(this.at - 2, true);
  }
  u24(): number {
    const low = this.u16();
    return low + this.u8() * 0x10000;
  }
  u32(): number {
    this.at += 4;
    return this.#view.getUint32(this.at - 4, true);
  }
  /** Exact below 2^53. */
  u64(): number {
    const low = this.u32();
    return low + this.u32() * 0x100000000;
  }
  unsigned(size: number): number {
    switch (size) {
      case 1:
        return this.u8();
      case 2:
        return this.u16();
      case 4:
        return this.u32();
      case 8:
        return this.u64();
    }
    throw new RangeError(`a number of ${size} bytes`);
  }
  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }
  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) return (byte & 64) === 0 ? value : value - scale * 128;
    }
  }
  skip(bytes: number): void {
    this.at += bytes;
    if (bytes < 0 || this.at > this.bytes.length) throw new RangeError('beyond the end');
  }
  string(): string {
    const start = this.at;
    const end = this.bytes.indexOf(0, start);
    if (end < 0) throw new RangeError('a string does not end');
    this.at = end + 1;
    return this.bytes.toString('utf8', start, end);
  }
}

/** The string at an offset of a section, if there is one. */
export function stringAt(bytes: Uint8Array | undefined, offset: number): string | undefined {
  if (bytes === undefined || offset < 0 || offset >= bytes.length) return undefined;
  const end = bytes.indexOf(0, offset);
  if (end < 0) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', offset, end);
}

/** What an abbreviation code stands for. */
export interface Abbreviation {
  readonly tag: number;
  readonly hasChildren: boolean;
  /** Attribute, form, implicit value, three by three. */
  readonly attributes: readonly number[];
}

const IMPLICIT_CONST = 0x21;

/** The abbreviations that begin at an offset of `.debug_abbrev`. */
export function readAbbreviations(section: Uint8Array | undefined, start: number): Map<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  if (section === undefined) return table;
  const cursor = new Cursor(section, start);
  for (let code = cursor.uleb(); code !== 0; code = cursor.uleb()) {
    const tag = cursor.uleb();
    const hasChildren = cursor.u8() === 1;
    const attributes: number[] = [];
    for (;;) {
      const [attribute, form] = [cursor.uleb(), cursor.uleb()];
      if (attribute === 0 && form === 0) break;
      attributes.push(attribute, form, form === IMPLICIT_CONST ? cursor.sleb() : 0);
    }
    table.set(code, { tag, hasChildren, attributes });
  }
  return table;
}
