import { Errno } from '../../errno.ts';
import type { ConsoleSinks } from '../kernel.ts';
import { anonymousStat } from './anonymous-stat.ts';
import { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import { READABLE, WRITABLE } from './poll-events.ts';
import { type FileStat, FileType } from './stat.ts';

/** The guest's standard input. It looks like a pipe: nothing here is a terminal. */
export class ConsoleInput extends OpenFile {
  readonly #console: ConsoleSinks;
  #ahead: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(console: ConsoleSinks) {
    super(0, 'pipe:[stdin]');
    this.#console = console;
  }

  /** More input, or its end, is there: whoever reads `ConsoleSinks.stdin` calls this. */
  arrived(at: number): void {
    this.notify(READABLE, at);
  }

  override read(into: Uint8Array): number {
    if (!this.#fetch()) return this.#ended ? 0 : -Errno.EAGAIN;
    const part = this.#ahead.subarray(0, into.length);
    into.set(part);
    this.#ahead = this.#ahead.subarray(part.length);
    return part.length;
  }

  override poll(): number {
    return this.#fetch() || this.#ended ? READABLE : 0;
  }

  override available(): number {
    this.#fetch();
    return this.#ahead.length;
  }

  override stat(): FileStat {
    return anonymousStat(FileType.FIFO | 0o600, 1);
  }

  /** Whether there is something to read, after asking for it if need be. */
  #fetch(): boolean {
    if (this.#ahead.length > 0) return true;
    if (this.#ended) return false;
    const buffer = new Uint8Array(65536);
    const count = this.#console.stdin === undefined ? 0 : this.#console.stdin(buffer);
    if (count === undefined) return false;
    if (count === 0) this.#ended = true;
    this.#ahead = buffer.subarray(0, count);
    return count > 0;
  }
}

/** The guest's standard output or error. */
export class ConsoleOutput extends OpenFile {
  readonly #sink: (bytes: Uint8Array) => void;

  constructor(name: 'stdout' | 'stderr', sink: (bytes: Uint8Array) => void) {
    super(OpenFlag.WRONLY, `pipe:[${name}]`);
    this.#sink = sink;
  }

  override write(from: Uint8Array): number {
    this.#sink(from.slice());
    return from.length;
  }

  override poll(): number {
    return WRITABLE;
  }

  override stat(): FileStat {
    return anonymousStat(FileType.FIFO | 0o600, this.path === 'pipe:[stdout]' ? 2 : 3);
  }
}

/** Descriptors 0, 1 and 2 of a new process. */
export const standardFiles = (console: ConsoleSinks): readonly [ConsoleInput, ConsoleOutput, ConsoleOutput] => [
  new ConsoleInput(console),
  new ConsoleOutput('stdout', (bytes) => console.stdout(bytes)),
  new ConsoleOutput('stderr', (bytes) => console.stderr(bytes)),
];
