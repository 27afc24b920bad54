import assert from 'node:assert/strict';
import { inParallel } from './parallel.ts';

describe('tasks in parallel', () => {
  it('keep their results in order and the width asked for', async () => {
    let running = 0;
    let most = 0;
    const tasks = [30, 5, 20, 1, 10].map((milliseconds) => async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      running--;
      return milliseconds;
    });
    assert.deepEqual(await inParallel(tasks, 2), [30, 5, 20, 1, 10]);
    assert.equal(most, 2);
  });

  it('starts nothing more after a failure', async () => {
    const began: number[] = [];
    const tasks = [0, 1, 2, 3, 4, 5].map((index) => async () => {
      began.push(index);
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (index === 1) throw new Error('second');
    });
    await assert.rejects(inParallel(tasks, 2), /second/);
    assert.ok(began.length <= 3, `${began.length} began`);
  });
});
