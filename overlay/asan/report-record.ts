// An error report as the runtime in the guest hands it over (overlay/guest/asan/report-format.h).

/** What kind of error, by the number that the runtime has for it. */
export const errorKinds = [
  'unknown',
  'heap-buffer-overflow',
  'heap-buffer-underflow',
  'heap-use-after-free',
  'wild-heap-access',
  'double-free',
  'invalid-free',
  'memcpy-overlap',
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** The system call by which it comes, on both ISAs. */
export const ASAN_REPORT_CALL = 1990;
const VERSION = 1;
const MOST_FRAMES = 64;
const KEPT_FRAMES = 10;
const SHADOW_BYTES = 80;

/** Where the fields of struct asan_report lie. */
const at = {
  version: 0,
  kind: 4,
  access: 8,
  thread: 12,
  address: 16,
  bytes: 24,
  variant: 32,
  halts: 36,
  variantName: 40,
  threadName: 72,
  hasBlock: 88,
  isFreed: 92,
  allocatingThread: 96,
  freeingThread: 100,
  block: 104,
  blockBytes: 112,
  frames: 120,
  allocationFrames: 124,
  freeFrames: 128,
  stack: 136,
  allocation: 136 + 8 * MOST_FRAMES,
  freed: 136 + 8 * (MOST_FRAMES + KEPT_FRAMES),
  shadowAddress: 136 + 8 * (MOST_FRAMES + 2 * KEPT_FRAMES),
  shadowCount: 144 + 8 * (MOST_FRAMES + 2 * KEPT_FRAMES),
  shadow: 152 + 8 * (MOST_FRAMES + 2 * KEPT_FRAMES),
} as const;

/** sizeof (struct asan_report). */
export const RECORD_BYTES = at.shadow + SHADOW_BYTES;

/** A block of the heap that an error concerns. */
export interface ReportedBlock {
  readonly start: number;
  /** As the program asked for it. */
  readonly bytes: number;
  readonly allocatedBy: number;
  /** Return addresses, innermost first. */
  readonly allocation: readonly number[];
  readonly freed: { readonly by: number; readonly stack: readonly number[] } | undefined;
}

/** One error that the runtime found. */
export interface AsanReport {
  readonly kind: ErrorKind;
  readonly access: 'read' | 'write' | 'free';
  /** The first byte that may not be accessed, or what was to be freed. */
  readonly address: number;
  /** Of the access; 0 for a free. */
  readonly bytes: number;
  readonly thread: number;
  readonly threadName: string;
  /** Empty in a program without variants. */
  readonly variant: string;
  /** Whether the program ends by it. */
  readonly halts: boolean;
  readonly stack: readonly number[];
  readonly block: ReportedBlock | undefined;
  /** The shadow around the address, one byte for eight of the heap. */
  readonly shadow: { readonly start: number; readonly bytes: Uint8Array };
}

/** Reads a record; undefined when it is none of this version, as from a program that makes this call for itself. */
export function readReport(record: Uint8Array): AsanReport | undefined {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (record.length < RECORD_BYTES || view.getUint32(at.version, true) !== VERSION) return undefined;
  const u32 = (offset: number): number => view.getUint32(offset, true);
  const u64 = (offset: number): number => Number(view.getBigUint64(offset, true));
  const text = (offset: number, most: number): string => {
    const bytes = record.subarray(offset, offset + most);
    const end = bytes.indexOf(0);
    return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
  };
  const stack = (offset: number, count: number, most: number): number[] =>
    Array.from({ length: Math.min(count, most) }, (_, frame) => u64(offset + 8 * frame));
  const freed = { by: u32(at.freeingThread), stack: stack(at.freed, u32(at.freeFrames), KEPT_FRAMES) };
  const block: ReportedBlock = {
    start: u64(at.block),
    bytes: u64(at.blockBytes),
    allocatedBy: u32(at.allocatingThread),
    allocation: stack(at.allocation, u32(at.allocationFrames), KEPT_FRAMES),
    freed: u32(at.isFreed) === 0 ? undefined : freed,
  };
  return {
    kind: errorKinds[u32(at.kind)] ?? 'unknown',
    access: (['read', 'write', 'free'] as const)[u32(at.access)] ?? 'read',
    address: u64(at.address),
    bytes: u64(at.bytes),
    thread: u32(at.thread),
    threadName: text(at.threadName, 16),
    variant: text(at.variantName, 32),
    halts: u32(at.halts) !== 0,
    stack: stack(at.stack, u32(at.frames), MOST_FRAMES),
    block: u32(at.hasBlock) === 0 ? undefined : block,
    shadow: {
      start: u64(at.shadowAddress),
      bytes: record.slice(at.shadow, at.shadow + Math.min(u32(at.shadowCount), SHADOW_BYTES)),
    },
  };
}
