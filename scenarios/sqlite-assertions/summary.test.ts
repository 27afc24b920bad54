import assert from 'node:assert/strict';
import { configurationNames } from './configurations.ts';
import { groupRuns, summarise } from './summary.ts';
import { fakeClients, fakeRun, fakeStatements } from './tests/fake-runs.ts';

const near = (actual: number | undefined, expected: number): void =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-6, `${actual}, not ${expected}`);

describe('summary of the service', () => {
  const runs = [1, 2, 3].flatMap((seed) => configurationNames.map((id) => fakeRun(id, seed)));
  const results = summarise(groupRuns(configurationNames, runs));
  const of = (id: string) => results.find((one) => one.id === id)!;

  it('compares statements with the very same ones, so that a choice of dear ones does not count', () => {
    for (const { id, others, asserted } of results.filter(({ id: name }) => name !== 'plain' && name !== 'middle')) {
      if (others !== null) near(others.against.noassert.cycles?.percent, 0);
      if (asserted !== null) near(asserted.against.noassert.cycles?.percent, 80);
      assert.ok(others !== null || asserted !== null, id);
    }
    near(of('plain').others?.against.noassert.cycles?.percent, -50);
    near(of('noassert').all.against.plain.cycles?.percent, 100);
  });

  it('leaves out the warm-up and the runs with planted requests', () => {
    assert.equal(of('plain').all.count, 3 * fakeClients * fakeStatements * 0.8);
    assert.ok(results.every(({ id }) => !id.startsWith('planted')));
  });

  it('knows the share, and an interval when there are several seeds', () => {
    assert.equal(of('melf-50').assertedPercent, 50);
    assert.equal(of('middle').assertedPercent, null);
    assert.equal(of('melf-100').others, null);
    assert.equal(of('melf-0').asserted, null);
    near(of('melf-50').asserted?.against.noassert.latency?.low, 80);
    const one = summarise(groupRuns(['noassert', 'melf-50'], [fakeRun('noassert'), fakeRun('melf-50')]));
    assert.equal(one[1]?.asserted?.against.noassert.cycles?.low, undefined);
    assert.equal(one[1]?.asserted?.against.plain.cycles, null);
  });
});
