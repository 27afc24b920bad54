import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { Cache, hashOf } from './cache.ts';
import { projectRoot } from './project.ts';

const cacheModule = pathToFileURL(join(import.meta.dirname, 'cache.ts')).href;

/** Builds the entry `thing/one`, slowly; says each build in a file, and dies half-way when told to. */
const builder = `
  import { appendFileSync, writeFileSync } from 'node:fs';
  import { setTimeout } from 'node:timers/promises';
  import { Cache } from '${cacheModule}';
  const [root, log, mode] = process.argv.slice(1);
  await new Cache(root).entry('thing', 'one', async (folder) => {
    appendFileSync(log, 'build\\n');
    writeFileSync(folder + '/first', 'a');
    await setTimeout(150);
    if (mode === 'die') process.kill(process.pid, 'SIGKILL');
    writeFileSync(folder + '/second', 'b');
  });
`;

async function build(root: string, log: string, mode: 'live' | 'die'): Promise<number | null> {
  const argv = ['--import', 'tsx', '--input-type=module', '-e', builder, root, log, mode];
  const child = spawn(process.execPath, argv, { cwd: projectRoot, stdio: ['ignore', 'inherit', 'pipe'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

describe('the cache', () => {
  let root = '';
  let log = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'melf-cache-'));
    log = join(root, 'log');
    writeFileSync(log, '');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('builds an entry once when two runs start at the same time', async () => {
    assert.deepEqual(await Promise.all([build(root, log, 'live'), build(root, log, 'live')]), [0, 0]);
    assert.equal(readFileSync(log, 'utf8'), 'build\n');
    assert.deepEqual(readdirSync(join(root, 'thing', 'one')).sort(), ['first', 'second']);
  });

  it('shows nothing of a build that was killed, and the next run builds it and clears the remains away', async () => {
    assert.equal(await build(root, log, 'die'), null);
    assert.equal(existsSync(join(root, 'thing', 'one')), false);
    assert.equal(readdirSync(join(root, 'tmp')).length, 1);
    assert.equal(await build(root, log, 'live'), 0);
    assert.deepEqual(readdirSync(join(root, 'thing', 'one')).sort(), ['first', 'second']);
    assert.deepEqual(readdirSync(join(root, 'tmp')), []);
  });

  it('keeps nothing of a build that threw', async () => {
    const cache = new Cache(root);
    const failing = cache.entry('thing', 'bad', async (folder) => {
      writeFileSync(join(folder, 'half'), '');
      throw new Error('no');
    });
    await assert.rejects(failing, /no/);
    assert.equal(cache.has('thing', 'bad'), false);
    assert.deepEqual(readdirSync(join(root, 'tmp')), []);
  });

  it('builds an entry once for callers of one process', async () => {
    const cache = new Cache(root);
    const make = () => cache.entry('thing', 'two', async () => appendFileSync(log, 'x'));
    await Promise.all([make(), make(), make()]);
    assert.equal(readFileSync(log, 'utf8'), 'x');
  });

  it('reads back what a receipt was given', () => {
    const receipt = new Cache(root).receipt<{ entry: string }>('thing', 'latest');
    assert.equal(receipt.read(), undefined);
    receipt.write({ entry: 'a' });
    receipt.write({ entry: 'b' });
    assert.deepEqual(receipt.read(), { entry: 'b' });
  });

  it('gives different lists different hashes, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (a, b) => {
        assert.equal(hashOf(a) === hashOf(b), JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    assert.notEqual(hashOf(['ab', 'c']), hashOf(['a', 'bc']));
  });
});
