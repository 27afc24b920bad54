import { ERESTARTSYS, Errno } from '../../errno.ts';
import type { OpenFile } from '../files/open-file.ts';
import { type Blocking, block } from '../syscall.ts';
import type { Thread } from '../thread.ts';
import { ensureWritable, gather, type Segment, scatter, totalLength } from './arguments.ts';

const CHUNK = 2 ** 20;
/** Where bytes pass through on their way between guest memory and files; files copy what they keep. */
let scratch = new Uint8Array(65536);

/** `length` bytes of scratch space, at most 1 MiB, until the next call. */
export function scratchBytes(length: number): Uint8Array {
  const wanted = Math.min(length, CHUNK);
  if (wanted > scratch.length) scratch = new Uint8Array(2 ** Math.ceil(Math.log2(wanted)));
  return scratch.subarray(0, wanted);
}

/** Charges the thread for moving `bytes` and for `perMessage` cycles of work in the stack below. */
export function chargeTransfer(thread: Thread, bytes: number, perMessage = 0): void {
  thread.charge(bytes * thread.kernel.costs.costs.copyPerByte + perMessage);
}

/** Reads once into guest memory, as much as there is. Returns bytes, 0 at the end, or a negated errno. */
export function readOnce(thread: Thread, file: OpenFile, segments: readonly Segment[], offset?: number): number {
  const total = totalLength(segments);
  const now = thread.now();
  if (!file.seekable) {
    const ready = file.available();
    // What is taken out of a stream cannot be put back: a bad buffer has to show first.
    if (ready !== undefined) ensureWritable(thread.memory, segments, Math.min(total, ready));
  }
  let done = 0;
  do {
    const buffer = scratchBytes(total - done);
    const count = file.read(buffer, now, offset === undefined ? undefined : offset + done);
    if (count < 0) return done > 0 ? done : count;
    if (count > 0) {
      scatter(thread.memory, segments, buffer.subarray(0, count), done);
      chargeTransfer(thread, count, file.readCost(thread.kernel.costs.costs));
    }
    done += count;
    if (count < buffer.length) break;
  } while (done < total && file.seekable);
  return done;
}

/** Writes from guest memory from byte `skip` on, as much as is taken at once. Returns bytes or a negated errno. */
export function writeOnce(
  thread: Thread,
  file: OpenFile,
  segments: readonly Segment[],
  skip: number,
  offset?: number,
): number {
  const total = totalLength(segments);
  const now = thread.now();
  let done = skip;
  do {
    const buffer = scratchBytes(total - done);
    gather(thread.memory, segments, buffer, done);
    const count = file.write(buffer, now, offset === undefined ? undefined : offset + done);
    if (count < 0) return done > skip ? done - skip : count;
    chargeTransfer(thread, count, file.writeCost(thread.kernel.costs.costs));
    done += count;
    if (count < buffer.length) break;
  } while (done < total);
  return done - skip;
}

/** Repeats `attempt`, which has just said EAGAIN, whenever the file changes. `timeout` in ns, 0 = none. */
export function* waitAndRetry(
  thread: Thread,
  file: OpenFile,
  attempt: () => number,
  what: string,
  timeout = 0,
): Blocking {
  const deadline = timeout > 0 ? thread.now() + timeout : undefined;
  file.retain();
  try {
    for (;;) {
      const reason = yield* block({ queues: [file.queue], deadline, what: `${what} ${file.path}` });
      const result = attempt();
      if (result !== -Errno.EAGAIN) return result;
      if (reason === 'signal') return timeout > 0 ? -Errno.EINTR : -ERESTARTSYS;
      if (reason === 'timeout') return -Errno.EAGAIN;
    }
  } finally {
    file.release(thread.now());
  }
}

/** `attempt` now, and again each time the file changes if the caller may wait. */
export function retrying(
  thread: Thread,
  file: OpenFile,
  attempt: () => number,
  options: { what: string; wait: boolean; timeout?: number },
): number | Blocking {
  const result = attempt();
  if (result !== -Errno.EAGAIN || !options.wait) return result;
  return waitAndRetry(thread, file, attempt, options.what, options.timeout);
}

const SIGPIPE = 13;

/**
 * Writes all of the pieces, waiting for room if `wait`. `send` writes from a given byte on. A broken pipe raises SIGPIPE
 * unless `quiet`; bytes already written are reported rather than the error.
 */
export function writeAll(
  thread: Thread,
  file: OpenFile,
  total: number,
  send: (skip: number) => number,
  options: { wait: boolean; quiet?: boolean; timeout?: number; what: string },
): number | Blocking {
  let done = 0;
  const attempt = (): number => {
    do {
      const count = send(done);
      if (count === -Errno.EPIPE && !options.quiet) thread.raise(SIGPIPE);
      if (count < 0) return count === -Errno.EAGAIN ? count : done > 0 ? done : count;
      done += count;
    } while (done < total && options.wait);
    return done;
  };
  const first = attempt();
  if (first !== -Errno.EAGAIN || !options.wait) return first === -Errno.EAGAIN && done > 0 ? done : first;
  return untilWritten(waitAndRetry(thread, file, attempt, options.what, options.timeout), () => done);
}

/** A wait that was interrupted or timed out after some bytes had gone reports these. */
function* untilWritten(wait: Blocking, written: () => number): Blocking {
  const result = yield* wait;
  return result < 0 && written() > 0 ? written() : result;
}
