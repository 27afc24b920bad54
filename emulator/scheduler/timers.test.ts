import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Timer, TimerQueue } from './timers.ts';

describe('TimerQueue', () => {
  it('fires in the order of time, equal times in the order of setting', () => {
    const queue = new TimerQueue();
    const fired: string[] = [];
    queue.at(5, () => fired.push('b'));
    queue.at(1, () => fired.push('a'));
    queue.at(5, () => fired.push('c'));
    assert.equal(queue.next(), 1);
    assert.equal(queue.runDue(4), 1);
    assert.equal(queue.runDue(5), 2);
    assert.deepEqual(fired, ['a', 'b', 'c']);
    assert.equal(queue.next(), undefined);
    assert.equal(queue.nextTime, Number.POSITIVE_INFINITY);
  });

  it('tells each callback its own time and runs what callbacks set, too', () => {
    const queue = new TimerQueue();
    const times: number[] = [];
    queue.at(3, (now) => {
      times.push(now);
      queue.at(now + 1, (later) => times.push(later));
      queue.at(now + 100, () => times.push(-1));
    });
    assert.equal(queue.runDue(10), 2);
    assert.deepEqual(times, [3, 4]);
    assert.equal(queue.next(), 103);
  });

  it('refuses a time that is none', () => {
    assert.throws(() => new TimerQueue().at(Number.NaN, () => {}), RangeError);
  });

  it('behaves as a sorted list under any sequence of settings, cancellations and firings', () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant('at' as const), time: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(40) }),
      fc.record({ kind: fc.constant('run' as const), now: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ kind: fc.constant('next' as const) }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
        const queue = new TimerQueue();
        const timers: Timer[] = [];
        const fired: number[] = [];
        let expected: { id: number; time: number }[] = [];
        const expectedFired: number[] = [];
        const fireFirst = () => {
          expected.sort((a, b) => a.time - b.time || a.id - b.id);
          expectedFired.push(expected.shift()!.id);
        };
        for (const step of commands) {
          if (step.kind === 'at') {
            const id = timers.length;
            timers.push(queue.at(step.time, () => fired.push(id)));
            expected.push({ id, time: step.time });
          } else if (step.kind === 'cancel') {
            const timer = timers[step.which];
            if (timer !== undefined) queue.cancel(timer);
            expected = expected.filter(({ id }) => id !== step.which);
          } else if (step.kind === 'run') {
            queue.runDue(step.now);
            while (expected.some(({ time }) => time <= step.now)) fireFirst();
          } else if (queue.runNext() !== undefined) {
            fireFirst();
          }
          assert.equal(queue.size, expected.length);
          const least = expected.reduce((time, timer) => Math.min(time, timer.time), Number.POSITIVE_INFINITY);
          assert.equal(queue.nextTime, least);
        }
        assert.deepEqual(fired, expectedFired);
      }),
    );
  });
});
