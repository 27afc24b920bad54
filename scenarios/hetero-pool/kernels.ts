// The kernels as the host computes them: what every job's result is compared with (guest/kernels.c).

import { createCipheriv } from 'node:crypto';
import type { Isa } from '../../setup/toolchain.ts';

export const INPUT_BYTES = 4096;
const SHIFTS = 64;

/** Two inputs of a job; a call gets the second from one of its first bytes on. */
interface Inputs {
  readonly a: Uint8Array;
  readonly b: Uint8Array;
}

type Reference = (a: Uint8Array, b: Uint8Array) => number;

const word = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
const signed = (byte: number): number => (byte << 24) >> 24;
const left = (x: number, bits: number): number => ((x << bits) | (x >>> (32 - bits))) >>> 0;
const right = (x: number, bits: number): number => left(x, 32 - bits);

const FIBONACCI_12 = 144;

function dot8(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < INPUT_BYTES; i++) sum += signed(a[i]!) * signed(b[i]!);
  return sum >>> 0;
}

function matrix(a: Uint8Array, b: Uint8Array): number {
  const size = 16;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      let element = 0;
      for (let k = 0; k < size; k++)
        element = (element + Math.imul(word(a, 4 * (i * size + k)), word(b, 4 * (k * size + j)))) | 0;
      sum = (sum + Math.imul(element, i + 1)) | 0;
    }
  }
  return sum >>> 0;
}

function hamming(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < INPUT_BYTES; i++) for (let bits = a[i]! ^ b[i]!; bits !== 0; bits &= bits - 1) sum++;
  return sum;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

function crc32c(a: Uint8Array, b: Uint8Array): number {
  let crc = ~a[0]! >>> 0;
  for (let i = 0; i < INPUT_BYTES; i++) crc = (crc >>> 8) ^ crcTable[(crc ^ b[i]!) & 0xff]!;
  return ~crc >>> 0;
}

function aesctr(a: Uint8Array, b: Uint8Array): number {
  const key = Uint8Array.from({ length: 16 }, (_, index) => index);
  const counter = new Uint8Array(16);
  counter.set(a.subarray(0, 8));
  const text = createCipheriv('aes-128-ctr', key, counter).update(b.subarray(0, INPUT_BYTES));
  const folded = [0, 0, 0, 0];
  for (let at = 0; at < INPUT_BYTES; at += 4) {
    const lane = (at >> 2) % 4;
    folded[lane] = (left(folded[lane]!, 1) ^ word(text, at)) >>> 0;
  }
  const [p, q, r, s] = folded as [number, number, number, number];
  return (p ^ Math.imul(q, 3) ^ Math.imul(r, 5) ^ Math.imul(s, 7)) >>> 0;
}

const setMembers = new Set(
  [...'aeiouy07 ,.;'].map((character) => character.charCodeAt(0)).concat(0xe4, 0xf6, 0xfc, 0xdf),
);

function anyof(a: Uint8Array, b: Uint8Array): number {
  let sum = a[0]!;
  for (let i = 0; i < INPUT_BYTES; i++) if (setMembers.has(b[i]!)) sum++;
  return sum;
}

function histogram(a: Uint8Array, b: Uint8Array): number {
  let sum = a[0]!;
  for (let i = 0; i < INPUT_BYTES; i++) sum += b[i]!;
  return sum;
}

/** The first 32 bits of the fractional part of `x`. */
const fraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32) >>> 0;
const primes = Array.from({ length: 320 }, (_, n) => n).filter(
  (n) => n > 1 && !Array.from({ length: n }, (_, d) => d).some((d) => d > 1 && n % d === 0),
);
/** FIPS 180-4, 4.2.2 and 5.3.3: roots of the first primes. */
const sha256Constants = primes.slice(0, 64).map((prime) => fraction(Math.cbrt(prime)));
const sha256Start = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

/** Only the compression function: node:crypto's would pad and cannot start from another state. */
function sha256(a: Uint8Array, b: Uint8Array): number {
  const h = Uint32Array.from(sha256Start);
  h[0]! ^= a[0]!;
  const w = new Uint32Array(64);
  for (let at = 0; at < INPUT_BYTES; at += 64) {
    for (let i = 0; i < 16; i++)
      w[i] = (left(word(b, at + 4 * i), 8) & 0x00ff00ff) | (right(word(b, at + 4 * i), 8) & 0xff00ff00);
    for (let i = 16; i < 64; i++) {
      const [x, y] = [w[i - 15]!, w[i - 2]!];
      w[i] =
        w[i - 16]! + (right(x, 7) ^ right(x, 18) ^ (x >>> 3)) + w[i - 7]! + (right(y, 17) ^ right(y, 19) ^ (y >>> 10));
    }
    const s = Uint32Array.from(h);
    for (let i = 0; i < 64; i++) {
      const [s0, s1, s2, , s4, s5, s6] = s as unknown as [number, number, number, number, number, number, number];
      const t1 =
        s[7]! + (right(s4, 6) ^ right(s4, 11) ^ right(s4, 25)) + ((s4 & s5) ^ (~s4 & s6)) + sha256Constants[i]! + w[i]!;
      const t2 = (right(s0, 2) ^ right(s0, 13) ^ right(s0, 22)) + ((s0 & s1) ^ (s0 & s2) ^ (s1 & s2));
      s.copyWithin(1, 0, 7);
      s[4] = s[4]! + t1;
      s[0] = t1 + t2;
    }
    for (let i = 0; i < 8; i++) h[i] = h[i]! + s[i]!;
  }
  return (h[0]! ^ h[3]! ^ h[7]!) >>> 0;
}

interface KernelFacts {
  readonly isas: readonly Isa[];
  readonly what: string;
  readonly reference: Reference;
}

const both: readonly Isa[] = ['x86-64', 'aarch64'];

/** Each kernel of guest/kernels.c, and where its compiles differ enough to serve as M jobs. */
export const kernels = {
  fib: {
    isas: both,
    what: 'Fibonacci numbers by recursion: nothing for an extension',
    reference: (a, b) => (FIBONACCI_12 ^ (a[0]! << 8) ^ b[0]!) >>> 0,
  },
  dot8: { isas: both, what: 'dot product of int8 vectors, as the vectoriser makes it', reference: dot8 },
  matrix: { isas: ['x86-64'], what: 'product of int32 matrices, as the vectoriser makes it', reference: matrix },
  hamming: { isas: ['x86-64'], what: 'Hamming distance, as the compiler makes it', reference: hamming },
  crc32c: { isas: both, what: 'CRC-32C: tables or an instruction', reference: crc32c },
  aesctr: { isas: both, what: 'AES-128 in counter mode: tables or instructions', reference: aesctr },
  anyof: { isas: ['x86-64'], what: 'bytes that are members of a set: a table or PCMPESTRM', reference: anyof },
  histogram: { isas: ['aarch64'], what: 'counting into shared bins: LL/SC or LSE', reference: histogram },
  sha256: { isas: ['aarch64'], what: 'SHA-256: C or instructions', reference: sha256 },
} as const satisfies Record<string, KernelFacts>;

export type KernelName = keyof typeof kernels;

export const kernelNames = Object.keys(kernels) as KernelName[];

/** Kernels that may be the M job on an ISA. */
export const fastKernels = (isa: Isa): KernelName[] =>
  kernelNames.filter((name) => name !== 'fib' && (kernels[name] as KernelFacts).isas.includes(isa));

/** What the guest's make_input gives for a number. */
export function makeInputs(number: number): Inputs {
  let state = Math.imul(0x9e3779b9, number + 1) >>> 0;
  const fill = (length: number): Uint8Array =>
    Uint8Array.from({ length }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return state & 0xff;
    });
  return { a: fill(INPUT_BYTES), b: fill(INPUT_BYTES + SHIFTS) };
}

const calls = new Map<string, Uint32Array>();

/** The kernel's results for all shifts of an input: whatever the number of rounds, a job makes no other calls. */
function callsOf(name: KernelName, input: number): Uint32Array {
  const key = `${name} ${input}`;
  let found = calls.get(key);
  if (found === undefined) {
    const { a, b } = makeInputs(input);
    found = Uint32Array.from({ length: SHIFTS }, (_, shift) => kernels[name].reference(a, b.subarray(shift)));
    calls.set(key, found);
  }
  return found;
}

/** The result of a job, computed by the host. */
export function expectedResult(name: KernelName, rounds: number, input: number): number {
  const results = callsOf(name, input);
  let result = 0;
  for (let round = 0; round < rounds; round++) result = (left(result, 1) ^ results[round % SHIFTS]!) >>> 0;
  return result;
}
