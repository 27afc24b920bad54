import assert from 'node:assert/strict';
import { UsageError } from '../../base/arguments.ts';
import { fastKernels, type KernelName } from './kernels.ts';
import { machineFor, makeJobs } from './load.ts';
import { readOptions } from './options.ts';

describe('options of the pool', () => {
  it('have both ISAs, three mixes and three group ratios by default', async () => {
    const options = await readOptions(['--isa', 'both', '--quick']);
    assert.deepEqual(options?.isas, ['x86-64', 'aarch64']);
    assert.deepEqual(
      options.mixes.map(({ id }) => id),
      ['3:1', '1:1', '1:3'],
    );
    assert.equal(options.ratios.length, 3);
    assert.deepEqual(options.seeds, [1]);
    assert.ok(options.standard);
    assert.equal((await readOptions(['--kernel', 'crc32c']))?.standard, false);
  });

  for (const argv of [
    ['--kernel', 'fib'],
    ['--kernel', 'anyof', '--isa', 'aarch64'],
    ['--mixes', '0:0'],
    ['--ratios', '0:4'],
    ['--ratios', '40:4'],
    ['--configurations', 'melf'],
    ['--job-time', '3'],
    ['--isa', 'riscv'],
  ])
    it(`refuse ${argv.join(' ')}`, () => assert.rejects(readOptions(argv), UsageError));
});

describe('the load of the pool', () => {
  it('has the mix’s shares in an order that the seed decides', () => {
    const jobs = (seed: number) => makeJobs({ id: '3:1', f: 3, m: 1 }, 40, { F: 2, M: 5 }, 'dot8', seed);
    assert.equal(jobs(1).filter((job) => job.class === 'F').length, 30);
    assert.deepEqual(jobs(1), jobs(1));
    assert.notDeepEqual(jobs(1), jobs(2));
    for (const job of jobs(1)) assert.equal(job.rounds, job.class === 'F' ? 2 : 5);
  });

  it('runs on the ready machine’s CPUs, the plain ones first', () => {
    const { cpus } = machineFor('x86-64', 'matrix', { id: '1:3', plain: 1, extended: 3 });
    assert.deepEqual(
      cpus.map(({ kind, count }) => [kind, count]),
      [
        ['little', 1],
        ['big', 3],
      ],
    );
  });

  it('has plain CPUs that lack something of what the M job gains from', () => {
    const gains: Partial<Record<KernelName, string>> = {
      crc32c: 'crc32',
      aesctr: 'aes',
      sha256: 'sha2',
      dot8: 'asimddp',
      histogram: 'atomics',
    };
    for (const name of fastKernels('aarch64')) {
      const { cpus } = machineFor('aarch64', name, { id: '2:2', plain: 2, extended: 2 });
      assert.deepEqual(
        cpus.map(({ features }) => features.includes(gains[name]!)),
        [false, true],
        name,
      );
    }
  });
});
