import { Errno } from '../../errno.ts';
import type { UserMemory } from '../../memory/user-memory.ts';
import type { OpenFile } from '../files/open-file.ts';
import type { Thread } from '../thread.ts';

/** A piece of guest memory: one entry of an iovec. */
export interface Segment {
  readonly va: number;
  readonly length: number;
}

const IOV_MAX = 1024;
/** MAX_RW_COUNT: what one call moves at most. */
export const MAX_TRANSFER = 0x7ffff000;

/** The low 32 bits of an argument as C's `int`. */
export const int = (argument: number): number => argument | 0;

/** The open file behind a descriptor argument. */
export const fileOf = (thread: Thread, fd: number): OpenFile | undefined => thread.process.files.get(int(fd));

/** A path from guest memory; the walk refuses one that is too long. */
export const pathAt = (thread: Thread, va: number): string => thread.memory.cString(va, 8192);

/** Reads an iovec; returns its pieces or a negated errno. */
export function segmentsAt(memory: UserMemory, va: number, count: number): Segment[] | number {
  if (count < 0 || count > IOV_MAX) return -Errno.EINVAL;
  const segments: Segment[] = [];
  let room = MAX_TRANSFER;
  for (let index = 0; index < count; index++) {
    const length = memory.word(va + 16 * index + 8);
    if (length < 0) return -Errno.EINVAL;
    const taken = Math.min(length, room);
    room -= taken;
    if (taken > 0) segments.push({ va: memory.pointer(va + 16 * index), length: taken });
  }
  return segments;
}

/** One buffer as an iovec of one. */
export const oneSegment = (va: number, length: number): Segment[] =>
  length > 0 ? [{ va, length: Math.min(length, MAX_TRANSFER) }] : [];

/** Bytes of all segments. */
export const totalLength = (segments: readonly Segment[]): number =>
  segments.reduce((sum, { length }) => sum + length, 0);

/** Copies `bytes` to the pieces from byte `skip` of them on. */
export function scatter(memory: UserMemory, segments: readonly Segment[], bytes: Uint8Array, skip = 0): void {
  let done = 0;
  let before = skip;
  for (const { va, length } of segments) {
    if (done === bytes.length) return;
    if (before >= length) {
      before -= length;
      continue;
    }
    const part = Math.min(length - before, bytes.length - done);
    memory.write(va + before, part === bytes.length ? bytes : bytes.subarray(done, done + part));
    done += part;
    before = 0;
  }
}

/** Fills `into` from the pieces from byte `skip` of them on. */
export function gather(memory: UserMemory, segments: readonly Segment[], into: Uint8Array, skip = 0): void {
  let done = 0;
  let before = skip;
  for (const { va, length } of segments) {
    if (done === into.length) return;
    if (before >= length) {
      before -= length;
      continue;
    }
    const part = Math.min(length - before, into.length - done);
    memory.readInto(va + before, part === into.length ? into : into.subarray(done, done + part));
    done += part;
    before = 0;
  }
}

/** Throws a UserFault if the first `length` bytes of the pieces cannot be written. */
export function ensureWritable(memory: UserMemory, segments: readonly Segment[], length: number): void {
  let left = length;
  for (const segment of segments) {
    if (left <= 0) return;
    memory.ensureWritable(segment.va, Math.min(segment.length, left));
    left -= segment.length;
  }
}
