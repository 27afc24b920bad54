import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FIRST_REALTIME, PendingSignals, Signal, signalBit, signalName } from './signals.ts';

const ALL = 2n ** 64n - 1n;

describe('PendingSignals', () => {
  it('keeps a standard signal once, real-time ones as often as sent', () => {
    const pending = new PendingSignals();
    for (let i = 0; i < 3; i++) {
      pending.add({ signo: Signal.SIGUSR1, code: i });
      pending.add({ signo: FIRST_REALTIME + 2, code: i });
    }
    const taken = [];
    for (let info = pending.take(ALL); info !== undefined; info = pending.take(ALL))
      taken.push([info.signo, info.code]);
    assert.deepEqual(taken, [
      [Signal.SIGUSR1, 0],
      [34, 0],
      [34, 1],
      [34, 2],
    ]);
  });

  it('takes the lowest wanted signal, of equal ones the first; the set always says what is there', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 64 }), fc.bigInt({ min: 0n, max: ALL }))), (steps) => {
        const pending = new PendingSignals();
        let model: { signo: number; code: number }[] = [];
        steps.forEach(([signo, wanted], code) => {
          pending.add({ signo, code });
          if (signo >= FIRST_REALTIME || !model.some((one) => one.signo === signo)) model.push({ signo, code });
          const candidates = model.filter((one) => (wanted & signalBit(one.signo)) !== 0n);
          const lowest = Math.min(...candidates.map((one) => one.signo));
          const expected = candidates.find((one) => one.signo === lowest);
          assert.deepEqual(pending.take(wanted), expected);
          model = model.filter((one) => one !== expected);
          assert.equal(
            pending.set,
            model.reduce((set, one) => set | signalBit(one.signo), 0n),
          );
        });
      }),
    );
  });

  it('forgets what becomes ignored', () => {
    const pending = new PendingSignals();
    pending.add({ signo: Signal.SIGTERM, code: 0 });
    pending.add({ signo: Signal.SIGHUP, code: 0 });
    pending.discard(Signal.SIGTERM);
    assert.equal(pending.set, signalBit(Signal.SIGHUP));
  });

  it('names', () => {
    assert.equal(signalName(11), 'SIGSEGV');
    assert.equal(signalName(40), 'SIGRT_40');
  });
});
