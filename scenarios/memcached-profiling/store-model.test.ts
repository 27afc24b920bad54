import assert from 'node:assert/strict';
import fc from 'fast-check';
import { StoreModel, valueBytes } from './store-model.ts';

describe('store model', () => {
  it('accepts whatever a real store may answer to overlapping requests', () => {
    // Each request takes effect at one moment between its start and its end: that is what a correct server does.
    const request = fc.record({
      start: fc.integer({ min: 0, max: 300 }),
      before: fc.integer({ min: 1, max: 40 }),
      after: fc.integer({ min: 1, max: 40 }),
      write: fc.boolean(),
      key: fc.integer({ min: 0, max: 1 }),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
        const model = new StoreModel();
        const store = new Map<number, Buffer>();
        const steps: { time: number; order: number; act: () => void }[] = [];
        const starts = new Set<number>();
        for (const { start, before, after, write, key } of requests) {
          const [effect, end] = [start + before, start + before + after];
          let version = 0;
          let bytes: Buffer | undefined;
          const oldest = (): number =>
            Math.min(
              ...requests.filter((r) => r.start <= end && r.start + r.before + r.after >= end).map((r) => r.start),
            );
          steps.push({
            time: start,
            order: 0,
            act: () => {
              starts.add(start);
              if (write) ({ version, bytes } = model.beginWrite(key, 24, start));
            },
          });
          steps.push({
            time: effect,
            order: 1,
            act: () => {
              if (write) store.set(key, bytes!);
              else bytes = store.get(key);
            },
          });
          steps.push({
            time: end,
            order: 2,
            act: () => {
              if (write) model.endWrite(key, version, end, oldest());
              else assert.equal(model.checkRead(key, bytes, start), undefined);
            },
          });
        }
        for (const { act } of steps.toSorted((a, b) => a.time - b.time || a.order - b.order)) act();
      }),
    );
  });

  const stored = (): StoreModel => {
    const model = new StoreModel();
    for (const [start, end] of [
      [0, 10],
      [20, 30],
    ] as const) {
      const { version } = model.beginWrite(5, 32, start);
      model.endWrite(5, version, end, end);
    }
    return model;
  };

  it('rejects a value that was overwritten before the request was sent', () => {
    assert.match(stored().checkRead(5, valueBytes(5, 1, 32), 40) ?? '', /was overwritten 10 ns before/);
    assert.equal(stored().checkRead(5, valueBytes(5, 2, 32), 40), undefined);
    assert.equal(stored().checkRead(5, valueBytes(5, 1, 32), 25), undefined);
  });

  it('rejects misses, torn values and values of other keys', () => {
    assert.match(stored().checkRead(5, undefined, 40) ?? '', /a miss/);
    const torn = valueBytes(5, 2, 32);
    torn[20]! ^= 1;
    assert.match(stored().checkRead(5, torn, 40) ?? '', /other bytes/);
    assert.match(stored().checkRead(5, valueBytes(5, 2, 31), 40) ?? '', /other bytes/);
    assert.match(stored().checkRead(5, valueBytes(6, 2, 32), 40) ?? '', /other bytes/);
    assert.match(stored().checkRead(5, valueBytes(5, 9, 32), 40) ?? '', /never written/);
    assert.match(stored().checkRead(5, Buffer.from('nonsense'), 40) ?? '', /never written/);
  });

  it('takes a miss for right until the first write is complete', () => {
    const model = new StoreModel();
    assert.equal(model.checkRead(1, undefined, 5), undefined);
    model.beginWrite(1, 32, 10);
    assert.equal(model.checkRead(1, undefined, 15), undefined);
  });
});
