import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Coherence, coherenceCosts } from './coherence.ts';

const { fromModified, fromShared, upgrade } = coherenceCosts;

describe('coherence', () => {
  it('follows a line through its states', () => {
    const lines = new Coherence();
    assert.equal(lines.touch(0x1000, 0, true), 0); // first touch
    assert.equal(lines.touch(0x1020, 0, true), 0); // same line, same CPU
    assert.equal(lines.touch(0x1008, 1, true), fromModified); // another writes
    assert.equal(lines.touch(0x1000, 0, false), fromModified); // the first reads it back
    assert.equal(lines.touch(0x1000, 1, false), 0); // the writer kept a copy
    assert.equal(lines.touch(0x1000, 2, false), fromShared);
    assert.equal(lines.touch(0x1000, 1, true), upgrade); // two others hold copies
    assert.equal(lines.touch(0x1000, 1, true), 0);
    assert.equal(lines.touch(0x1040, 3, true), 0); // the next line is another
    assert.equal(lines.transfers, 4);
    assert.equal(lines.touches, 9);
  });

  it('costs nothing while one CPU has the line, and a second touch in a row never costs', () => {
    const touch = fc.record({ line: fc.nat(3), cpu: fc.nat(3), write: fc.boolean() });
    fc.assert(
      fc.property(fc.array(touch, { maxLength: 100 }), (touches) => {
        const lines = new Coherence();
        const holders = new Map<number, Set<number>>();
        for (const { line, cpu, write } of touches) {
          const before = holders.get(line) ?? new Set();
          const cost = lines.touch(line * 64 + 8, cpu, write);
          // Model: the set of CPUs with a copy. A read hit is free; a write is free when nobody else has one.
          const free = before.size === 0 || (write ? before.size === 1 && before.has(cpu) : before.has(cpu));
          assert.equal(cost === 0, free);
          holders.set(line, write ? new Set([cpu]) : new Set([...before, cpu]));
          assert.equal(lines.touch(line * 64, cpu, write), 0);
        }
      }),
    );
  });
});
