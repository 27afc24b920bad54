import { MelfError } from '../../base/errors.ts';
import { Access } from '../native/binding.ts';
import type { AddressSpace } from './address-space.ts';
import { findEntry } from './page-table.ts';
import { PAGE_SIZE } from './physical.ts';

/** The kernel touched a guest address that the guest may not touch: EFAULT for a syscall. */
export class UserFault extends MelfError {
  readonly va: number;
  constructor(va: number, access: number) {
    super('process.bad-address', `bad guest address 0x${va.toString(16)}`, { facts: { va, access } });
    this.va = va;
  }
}

const decoder = new TextDecoder();

/**
 * Guest memory as one view sees it, for the kernel's own reads and writes: pages are faulted in, rights are checked, and
 * code frames are invalidated on a write. Throws {@link UserFault}.
 */
export class UserMemory {
  readonly #space: AddressSpace;
  readonly #view: number;
  readonly #scratch = new DataView(new ArrayBuffer(8));
  readonly #scratchBytes = new Uint8Array(this.#scratch.buffer);

  constructor(space: AddressSpace, view: number) {
    this.#space = space;
    this.#view = view;
  }

  /** Physical address of `va` with `access` allowed. */
  translate(va: number, access: number): number {
    const { physical, views } = this.#space;
    for (let attempt = 0; attempt < 3; attempt++) {
      if (va < 0) throw new UserFault(va, access);
      const entry = findEntry(physical, views.root(this.#view), va);
      if (entry >= 0 && (physical.u32[entry]! & access) !== 0) {
        return physical.u32[entry + 1]! * PAGE_SIZE + (va % PAGE_SIZE);
      }
      if (this.#space.fault(this.#view, va, access) < 0) throw new UserFault(va, access);
    }
    throw new Error(
      `page tables of view ${this.#view} do not keep 0x${va.toString(16)} mapped: a defect of this program`,
    );
  }

  readInto(va: number, into: Uint8Array): void {
    const { u8 } = this.#space.physical;
    for (let done = 0; done < into.length; ) {
      const pa = this.translate(va + done, Access.read);
      const count = Math.min(into.length - done, PAGE_SIZE - (pa % PAGE_SIZE));
      into.set(u8.subarray(pa, pa + count), done);
      done += count;
    }
  }

  /** A copy. */
  read(va: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readInto(va, bytes);
    return bytes;
  }

  write(va: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const pa = this.translate(va + done, Access.write);
      const count = Math.min(bytes.length - done, PAGE_SIZE - (pa % PAGE_SIZE));
      this.#space.physical.write(pa, done === 0 && count === bytes.length ? bytes : bytes.subarray(done, done + count));
      done += count;
    }
  }

  fill(va: number, length: number, byte: number): void {
    for (let done = 0; done < length; ) {
      const pa = this.translate(va + done, Access.write);
      const count = Math.min(length - done, PAGE_SIZE - (pa % PAGE_SIZE));
      this.#space.physical.write(pa, new Uint8Array(count).fill(byte));
      done += count;
    }
  }

  /** Throws now rather than half way through a write. */
  ensureWritable(va: number, length: number): void {
    for (let at = va - (va % PAGE_SIZE); at < va + length; at += PAGE_SIZE) this.translate(at, Access.write);
  }

  #load(va: number, bytes: number): DataView {
    const offset = va % PAGE_SIZE;
    if (offset + bytes <= PAGE_SIZE) {
      const pa = this.translate(va, Access.read);
      const { u8 } = this.#space.physical;
      for (let i = 0; i < bytes; i++) this.#scratchBytes[i] = u8[pa + i]!;
    } else {
      this.readInto(va, this.#scratchBytes.subarray(0, bytes));
    }
    return this.#scratch;
  }

  #store(va: number, bytes: number): void {
    this.write(va, this.#scratchBytes.subarray(0, bytes));
  }

  u8(va: number): number {
    return this.#load(va, 1).getUint8(0);
  }
  u16(va: number): number {
    return this.#load(va, 2).getUint16(0, true);
  }
  u32(va: number): number {
    return this.#load(va, 4).getUint32(0, true);
  }
  i32(va: number): number {
    return this.#load(va, 4).getInt32(0, true);
  }
  u64(va: number): bigint {
    return this.#load(va, 8).getBigUint64(0, true);
  }
  i64(va: number): bigint {
    return this.#load(va, 8).getBigInt64(0, true);
  }
  /** Signed 64 bit as a double: exact below 2^53. */
  word(va: number): number {
    const view = this.#load(va, 8);
    return view.getInt32(4, true) * 2 ** 32 + view.getUint32(0, true);
  }
  /** An address. */
  pointer(va: number): number {
    const view = this.#load(va, 8);
    return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
  }

  setU8(va: number, value: number): void {
    this.#scratch.setUint8(0, value);
    this.#store(va, 1);
  }
  setU16(va: number, value: number): void {
    this.#scratch.setUint16(0, value, true);
    this.#store(va, 2);
  }
  setU32(va: number, value: number): void {
    this.#scratch.setUint32(0, value, true);
    this.#store(va, 4);
  }
  setI32(va: number, value: number): void {
    this.setU32(va, value >>> 0);
  }
  setU64(va: number, value: bigint): void {
    this.#scratch.setBigUint64(0, BigInt.asUintN(64, value), true);
    this.#store(va, 8);
  }
  /** An integer of up to 53 bits, sign extended to 64. */
  setWord(va: number, value: number): void {
    this.#scratch.setUint32(0, value % 2 ** 32 < 0 ? (value % 2 ** 32) + 2 ** 32 : value % 2 ** 32, true);
    this.#scratch.setInt32(4, Math.floor(value / 2 ** 32), true);
    this.#store(va, 8);
  }

  /** A NUL-terminated string of at most `max` bytes; longer ones throw a UserFault. */
  cString(va: number, max = 4096): string {
    const { u8 } = this.#space.physical;
    const parts: number[] = [];
    for (let at = va; parts.length < max; ) {
      const pa = this.translate(at, Access.read);
      const end = Math.min(pa - (pa % PAGE_SIZE) + PAGE_SIZE, pa + max - parts.length);
      for (let i = pa; i < end; i++) {
        if (u8[i] === 0) return decoder.decode(Uint8Array.from(parts));
        parts.push(u8[i]!);
      }
      at += end - pa;
    }
    throw new UserFault(va, Access.read);
  }
}
