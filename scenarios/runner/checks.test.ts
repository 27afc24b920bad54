import assert from 'node:assert/strict';
import { checkEachRun, checkRunsIfAny, type SeededRun } from './checks.ts';

describe('checks over runs', () => {
  const run = (seed: number): SeededRun => ({ configuration: 'melf-50', seed });
  const odd = ({ seed }: SeededRun): string | undefined => (seed % 2 === 0 ? undefined : `${seed} is odd`);

  it('hold when no run has a complaint, and tell which has', () => {
    for (const check of [
      checkRunsIfAny('even', [run(2)], odd, 'all even'),
      [checkEachRun('even', [run(2)], odd, 'all even')],
    ])
      assert.deepEqual(check, [{ name: 'even', ok: true, detail: 'all even' }]);
    const wrong = { name: 'even', ok: false, detail: 'melf-50, seed 1: 1 is odd; melf-50, seed 3: 3 is odd' };
    assert.deepEqual(checkRunsIfAny('even', [run(1), run(2), run(3)], odd, 'all even'), [wrong]);
  });

  it('without any run fail where there must be some, and claim nothing where there need not be', () => {
    assert.deepEqual(checkEachRun('even', [], odd, 'all even'), {
      name: 'even',
      ok: false,
      detail: 'no run to look at',
    });
    assert.deepEqual(checkRunsIfAny('even', [], odd, 'all even'), []);
  });
});
