import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type FrameStore, PagedContent } from './content.ts';

/** Frames as PhysicalMemory keeps them. */
function fakeFrames(): FrameStore & { live: number } {
  const memory = new Uint8Array(64 * 4096);
  let next = 1;
  return {
    live: 0,
    allocate() {
      this.live++;
      return next++;
    },
    release() {
      return --this.live;
    },
    frameBytes: (frame) => memory.subarray(frame * 4096, (frame + 1) * 4096),
    markChanged() {},
  };
}

const MOST = 5 * 4096;
const operation = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    at: fc.integer({ min: 0, max: MOST - 6000 }),
    bytes: fc.uint8Array({ maxLength: 6000 }),
  }),
  fc.record({ kind: fc.constant('truncate' as const), size: fc.integer({ min: 0, max: MOST }) }),
  fc.record({ kind: fc.constant('share' as const), page: fc.integer({ min: 0, max: 4 }), value: fc.nat(255) }),
);

describe('file content in pages', () => {
  it('reads back what a plain array holds, over a base file, with pages mapped shared', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9000 }), fc.array(operation, { maxLength: 25 }), (base, operations) => {
        const source = {
          size: base.length,
          read: (offset: number, into: Uint8Array) => {
            const part = base.subarray(offset, offset + into.length);
            into.set(part);
            return part.length;
          },
        };
        const frames = fakeFrames();
        const content = new PagedContent('file', { pagesUsed: 0, pageLimit: 100 }, frames, source);
        const model = new Uint8Array(MOST);
        model.set(base);
        let size = base.length;
        for (const step of operations) {
          if (step.kind === 'write') {
            assert.equal(content.write(step.at, step.bytes), step.bytes.length);
            model.set(step.bytes, step.at);
            if (step.bytes.length > 0) size = Math.max(size, step.at + step.bytes.length);
          } else if (step.kind === 'truncate') {
            content.truncate(step.size);
            model.fill(0, step.size);
            size = step.size;
          } else if (step.page * 4096 < size) {
            // What a guest writes to a shared page is in the file at once.
            const frame = frames.frameBytes(content.sharedFrame(step.page));
            assert.deepEqual(
              frame.slice(0, size - step.page * 4096),
              model.slice(step.page * 4096, Math.min(size, (step.page + 1) * 4096)),
            );
            frame[0] = step.value;
            model[step.page * 4096] = step.value;
          }
          assert.equal(content.size, size);
        }
        const all = new Uint8Array(MOST);
        assert.equal(content.read(0, all), size);
        assert.deepEqual(all.slice(0, size), model.slice(0, size));
        const page = new Uint8Array(4096).fill(1);
        content.readPage(0, page);
        assert.deepEqual(page.slice(Math.min(size, 4096)), new Uint8Array(4096 - Math.min(size, 4096)));
        content.discard();
        assert.equal(frames.live, 0);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps holes free and stops at its file system’s room', () => {
    const room = { pagesUsed: 0, pageLimit: 2 };
    const content = new PagedContent('file', room, undefined);
    assert.equal(content.write(2 ** 30, Uint8Array.of(1)), 1);
    assert.equal(room.pagesUsed, 1);
    assert.equal(content.write(0, new Uint8Array(3 * 4096)), 4096);
    assert.equal(content.write(8192, Uint8Array.of(1)), -28);
    content.discard();
    assert.equal(room.pagesUsed, 0);
  });
});
