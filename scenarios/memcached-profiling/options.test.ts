import assert from 'node:assert/strict';
import { parseConfiguration, profiledConnections } from './configurations.ts';
import { readOptions } from './options.ts';

describe("the scenario's command line", () => {
  it('asks for the eight configurations and five seeds by itself', async () => {
    const options = (await readOptions([]))!;
    assert.deepEqual(
      options.configurations.map(({ id }) => id),
      ['plain', 'melf-0', 'melf-25', 'melf-50', 'melf-75', 'melf-100', 'always', 'branch'],
    );
    assert.deepEqual(options.seeds, [1, 2, 3, 4, 5]);
    assert.ok(options.standard);
  });

  it('takes one seed with --quick, and more when told', async () => {
    assert.deepEqual((await readOptions(['--quick', '--seed', '7']))?.seeds, [7]);
    assert.deepEqual((await readOptions(['--quick', '--seeds', '2']))?.seeds, [1, 2]);
    assert.ok((await readOptions(['--quick']))?.standard);
  });

  it('knows when its claims may not hold', async () => {
    assert.equal((await readOptions(['--think', '1us']))?.standard, false);
    assert.equal((await readOptions(['--no-coherence']))?.standard, false);
  });

  const wrong: [string[], RegExp][] = [
    [['--configurations', 'melf-101'], /no configuration melf-101/],
    [['--configurations', 'plain,'], /no configuration/],
    [['--seed', '-1'], /--seed cannot be -1/],
    [['--seeds', '0'], /--seeds cannot be 0/],
    [['--get-share', '2'], /--get-share cannot be 2/],
    [['--value-bytes', '8'], /--value-bytes cannot be 8/],
    [['--value-bytes', '100-50'], /--value-bytes/],
    [['--keys', '100000', '--value-bytes', '50000'], /The store would need 9556 MiB/],
    [['--think', '5'], /--think cannot be 5/],
    [['--cost-model', 'fast'], /--cost-model cannot be fast/],
    [['--machine', 'uniform'], /no machine called "uniform"/],
    [['--quik'], /no flag --quik/],
  ];
  for (const [argv, message] of wrong)
    it(`refuses ${argv.join(' ')}`, () => assert.rejects(readOptions(argv), message));
});

describe('configurations', () => {
  it('profile a share of the connections', () => {
    const order = Array.from({ length: 64 }, (_, index) => (index * 5) % 64);
    for (const [id, count] of [
      ['plain', 0],
      ['melf-0', 0],
      ['melf-25', 16],
      ['melf-75', 48],
      ['melf-100', 64],
      ['branch', 0],
      ['branch-50', 32],
    ] as const)
      assert.equal(profiledConnections(parseConfiguration(id), order).size, count);
  });

  it('can keep profiled connections to few workers', () => {
    const order = [5, 2, 7, 0, 3, 1, 6, 4];
    const chosen = profiledConnections(parseConfiguration('melf-50'), order, 'workers', 4);
    assert.deepEqual([...chosen], [0, 4, 1, 5]);
  });

  it('with a larger share profile those of the smaller one, too', () => {
    const order = [3, 1, 0, 2];
    const [few, many] = ['melf-25', 'melf-75'].map((id) => profiledConnections(parseConfiguration(id), order));
    for (const one of few!) assert.ok(many!.has(one));
  });
});
