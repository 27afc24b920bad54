import assert from 'node:assert/strict';
import fc from 'fast-check';
import { OpenFlag } from './open-flags.ts';
import { PIPE_BUF, Pipe, PipeEnd } from './pipe.ts';
import { PollEvent } from './poll-events.ts';

const EAGAIN = -11;
const EPIPE = -32;

function makePipe(): { pipe: Pipe; reader: PipeEnd; writer: PipeEnd } {
  const pipe = new Pipe(1, { sec: 0, nsec: 0 });
  const reader = new PipeEnd(pipe, 0, { now: 0 }).retain();
  const writer = new PipeEnd(pipe, OpenFlag.WRONLY, { now: 0 }).retain();
  return { pipe, reader, writer };
}

describe('pipe', () => {
  it('keeps the order of bytes and the limits of a plain queue', () => {
    const step = fc.oneof(
      fc.record({ write: fc.integer({ min: 1, max: 9000 }) }),
      fc.record({ read: fc.integer({ min: 1, max: 9000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { pipe, reader, writer } = makePipe();
        const queue: number[] = [];
        let next = 0;
        for (const one of steps) {
          if ('write' in one) {
            const bytes = Uint8Array.from({ length: one.write }, (_, index) => (next + index) % 251);
            const free = pipe.capacity - queue.length;
            const whole = one.write <= PIPE_BUF;
            const expected = free === 0 || (whole && free < one.write) ? EAGAIN : Math.min(free, one.write);
            assert.equal(writer.write(bytes, 0), expected);
            if (expected > 0) {
              queue.push(...bytes.subarray(0, expected));
              next += expected;
            }
          } else {
            const into = new Uint8Array(one.read);
            const expected = queue.splice(0, one.read);
            assert.equal(reader.read(into, 0), expected.length === 0 ? EAGAIN : expected.length);
            assert.deepEqual([...into.subarray(0, expected.length)], expected);
          }
          assert.equal((reader.poll() & PollEvent.IN) !== 0, queue.length > 0);
          assert.equal((writer.poll() & PollEvent.OUT) !== 0, pipe.capacity - queue.length >= PIPE_BUF);
        }
      }),
    );
  });

  it('ends for readers when the last writer is gone, and breaks for writers', () => {
    const { reader, writer } = makePipe();
    writer.write(Uint8Array.of(1), 0);
    writer.release(0);
    assert.equal(reader.poll() & (PollEvent.IN | PollEvent.HUP), PollEvent.IN | PollEvent.HUP);
    assert.equal(reader.read(new Uint8Array(5), 0), 1);
    assert.equal(reader.read(new Uint8Array(5), 0), 0);
    const other = makePipe();
    other.reader.release(0);
    assert.equal(other.writer.write(Uint8Array.of(1), 0), EPIPE);
    assert.equal(other.writer.poll() & PollEvent.ERR, PollEvent.ERR);
  });
});
