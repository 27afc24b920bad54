// Maps an executable and builds its first stack (fs/binfmt_elf.c).

import { MelfError } from '../../base/errors.ts';
import { AddressSpace } from '../memory/address-space.ts';
import { BytesMappable } from '../memory/mappable.ts';
import { PAGE_SIZE, pageUp } from '../memory/physical.ts';
import { Prot } from '../memory/vma.ts';
import { Auxv, type AuxvEntry, buildStack } from './auxv.ts';
import { type ElfImage, parseElf, type Segment, SymbolTable } from './elf-image.ts';
import { FileTable } from './files/file-table.ts';
import type { Kernel } from './kernel.ts';
import { Process } from './process.ts';
import type { Thread } from './thread.ts';

/** The program's arguments and environment do not fit. */
export class ArgumentsTooLong extends MelfError {}

const STACK_TOP = 0x7fff_ffff_f000;
const STACK_SIZE = 8 * 2 ** 20; // RLIMIT_STACK
/** Mapped at once; the rest grows. Leaves a gap of at least a page below the stack's limit. */
const FIRST_STACK = 33 * PAGE_SIZE;
/** As ARG_MAX of Linux: a quarter of the stack (execve(2)). */
const MOST_ARGUMENT_BYTES = STACK_SIZE / 4;
/** Where a static PIE goes: Linux's ELF_ET_DYN_BASE, two thirds of the address space. */
const PIE_BASE = 0x5555_5555_4000;
/** The model port and the sigreturn instructions, above all that mmap gives out. */
const PORT_ADDRESS = 0x7fff_f000_0000;
const SIGPAGE_ADDRESS = 0x7fff_f000_2000;
const CLOCK_TICKS = 100; // USER_HZ
const MINIMAL_SIGNAL_STACK = { 'x86-64': 1104, aarch64: 4720 } as const;

export interface ProgramOptions {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Path of the executable in the guest. */
  readonly exe: string;
  /** Only these CPUs. */
  readonly affinity?: ReadonlySet<number>;
}

const protOf = (flags: number): number =>
  (flags & 4 ? Prot.read : 0) | (flags & 2 ? Prot.write : 0) | (flags & 1 ? Prot.exec : 0);

/** A program in an address space of its own, ready to be entered. */
export interface LoadedProgram {
  readonly space: AddressSpace;
  readonly symbols: SymbolTable;
  readonly entry: number;
  readonly sp: number;
}

interface ImageOptions {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly exe: string;
  /** What AT_HWCAP tells of: {@link Kernel.commonFeatures}. */
  readonly features: readonly string[];
}

/** Maps a static program (or static PIE) and builds its stack. Throws BadExecutable for anything else, and {@link ArgumentsTooLong}. */
export function loadImage(kernel: Kernel, elf: Uint8Array, options: ImageOptions): LoadedProgram {
  const { abi } = kernel;
  const image = parseElf(options.exe, elf, abi.elfMachine);
  const space = new AddressSpace(kernel.physical, kernel.costs.costs.views);
  try {
    const bias = image.relocatable ? PIE_BASE - (PIE_BASE % image.align) : 0;
    mapSegments(kernel, space, image, elf, options.exe, bias);
    space.map({
      address: PORT_ADDRESS,
      length: PAGE_SIZE,
      prot: Prot.read | Prot.write,
      fixed: true,
      port: kernel.physical.bytes,
      name: '[port]',
    });
    const sigpage = new BytesMappable(kernel.physical, '[sigpage]', abi.sigreturnCode);
    space.own(sigpage);
    space.map({
      address: SIGPAGE_ADDRESS,
      length: PAGE_SIZE,
      prot: Prot.read | Prot.exec,
      fixed: true,
      file: { mappable: sigpage, offset: 0 },
    });
    const sp = makeStack(kernel, space, image, bias, options);
    return { space, symbols: new SymbolTable(elf, bias), entry: image.entry + bias, sp };
  } catch (error) {
    space.release();
    throw error;
  }
}

/** Makes the process and the first thread of a program that the machine is started with. */
export function loadProgram(kernel: Kernel, elf: Uint8Array, options: ProgramOptions): Thread {
  const features = kernel.commonFeatures(kernel.affinityOf(options.affinity));
  const { space, symbols, entry, sp } = loadImage(kernel, elf, { ...options, features });
  const pid = kernel.newId();
  const process = new Process({
    kernel,
    pid,
    space,
    files: new FileTable({ pid }),
    fs: kernel.files.context(),
    exe: options.exe,
    argv: options.argv,
    env: options.env,
    symbols,
    sigreturnTrampoline: SIGPAGE_ADDRESS,
  });
  kernel.processes.set(pid, process);
  if (kernel.events.enabled) kernel.events.emit({ type: 'process:start', time: kernel.now(), pid, name: options.exe });
  const comm = options.exe.slice(options.exe.lastIndexOf('/') + 1).slice(0, 15);
  const thread = kernel.newThread(process, { tid: pid, view: space.views.base, comm, affinity: options.affinity });
  startRegisters(thread, entry, sp);
  kernel.scheduler.enqueue(thread, kernel.now());
  return thread;
}

function mapSegments(
  kernel: Kernel,
  space: AddressSpace,
  image: ElfImage,
  elf: Uint8Array,
  exe: string,
  bias: number,
): void {
  const mappable = new BytesMappable(kernel.physical, exe, elf);
  space.own(mappable);
  let end = 0;
  for (const segment of image.segments) {
    mapSegment(space, segment, mappable, bias);
    end = Math.max(end, pageUp(segment.address + segment.memorySize + bias));
  }
  space.heap.begin(end);
}

function mapSegment(space: AddressSpace, segment: Segment, mappable: BytesMappable, bias: number): void {
  const prot = protOf(segment.flags);
  const skew = segment.address % PAGE_SIZE;
  const start = segment.address - skew + bias;
  const fileEnd = segment.address + segment.fileSize + bias;
  const memoryEnd = segment.address + segment.memorySize + bias;
  const filePages = segment.fileSize === 0 ? start : pageUp(fileEnd);
  if (filePages > start) {
    space.map({
      address: start,
      length: filePages - start,
      prot,
      fixed: true,
      file: { mappable, offset: segment.offset - skew },
    });
    // What follows the segment's bytes in the file is not the program's: behind them its zeroed data begins.
    const tail = Math.min(filePages, memoryEnd) - fileEnd;
    if (tail > 0 && prot & Prot.write) space.userMemory(space.views.base).fill(fileEnd, tail, 0);
  }
  if (pageUp(memoryEnd) > filePages) {
    space.map({ address: filePages, length: pageUp(memoryEnd) - filePages, prot, fixed: true });
  }
}

function makeStack(kernel: Kernel, space: AddressSpace, image: ElfImage, bias: number, options: ImageOptions): number {
  const { abi } = kernel;
  const [hwcap, hwcap2] = abi.hwcaps(options.features);
  const auxv: AuxvEntry[] = [
    [Auxv.AT_HWCAP, hwcap],
    [Auxv.AT_PAGESZ, PAGE_SIZE],
    [Auxv.AT_CLKTCK, CLOCK_TICKS],
    [Auxv.AT_PHDR, image.headerAddress + bias],
    [Auxv.AT_PHENT, 56],
    [Auxv.AT_PHNUM, image.headerCount],
    [Auxv.AT_BASE, 0],
    [Auxv.AT_FLAGS, 0],
    [Auxv.AT_ENTRY, image.entry + bias],
    [Auxv.AT_UID, 0],
    [Auxv.AT_EUID, 0],
    [Auxv.AT_GID, 0],
    [Auxv.AT_EGID, 0],
    [Auxv.AT_SECURE, 0],
    [Auxv.AT_HWCAP2, hwcap2],
    [Auxv.AT_MINSIGSTKSZ, MINIMAL_SIGNAL_STACK[abi.isa]],
    [Auxv.AT_MELF_PORT, PORT_ADDRESS],
  ];
  const { sp, bytes } = buildStack(STACK_TOP, {
    argv: options.argv,
    env: options.env,
    execFn: options.exe,
    platform: abi.machineName,
    random: kernel.random.bytes(16),
    auxv,
  });
  if (bytes.length > MOST_ARGUMENT_BYTES) {
    throw new ArgumentsTooLong(
      'process.arguments-too-long',
      'the arguments and the environment of the program are too long',
      {
        facts: { bytes: bytes.length, most: MOST_ARGUMENT_BYTES },
      },
    );
  }
  const length = Math.max(FIRST_STACK, pageUp(bytes.length) + PAGE_SIZE);
  space.map({
    address: STACK_TOP - length,
    length,
    prot: Prot.read | Prot.write,
    fixed: true,
    growsDownTo: STACK_TOP - STACK_SIZE,
    name: '[stack]',
  });
  space.userMemory(space.views.base).write(sp, bytes);
  return sp;
}

/** Registers as a new program finds them. */
export function startRegisters(thread: Thread, entry: number, sp: number): void {
  const { abi } = thread.kernel;
  const { core } = thread;
  core.writeRegisters(abi.context, new BigUint64Array(abi.context.length * 2));
  for (const [id, value] of abi.initialRegisters) core.setReg(id, value);
  core.sp = sp;
  core.pc = entry;
}
