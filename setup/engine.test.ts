import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cache, cache as projectCache } from './cache.ts';
import { ensureEngine, installedEngine } from './engine.ts';
import { atLeast, leastUnicorn } from './unicorn.ts';

/** An addon that gives Unicorn's version, and says which of the two builds it is. */
const source = `
#include <node_api.h>
#include <unicorn/unicorn.h>
NAPI_MODULE_INIT() {
  unsigned major, minor;
  unsigned version = uc_version(&major, &minor);
#ifdef MELF_FAST_EXIT_CHECK
  version |= 1u << 31;
#endif
  napi_value result;
  napi_create_uint32(env, version, &result);
  return result;
}
`;

const load = (addon: string): number =>
  Number(execFileSync(process.execPath, ['-p', `require(${JSON.stringify(addon)})`], { encoding: 'utf8' }));

describe('the engine', () => {
  let folder = '';
  let cache: Cache;
  let native = '';
  before(async () => {
    await ensureEngine();
    folder = mkdtempSync(join(tmpdir(), 'melf-engine-'));
    native = join(folder, 'native');
    mkdirSync(native);
    writeFileSync(join(native, 'one.cc'), source);
    cache = new Cache(join(folder, 'cache'));
    mkdirSync(cache.root);
    // Unicorn itself is taken from the project's cache: this test asks nothing of the network.
    const unicorn = join(projectCache.root, 'unicorn');
    if (existsSync(unicorn)) symlinkSync(unicorn, join(cache.root, 'unicorn'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is built twice from the sources, with and without the cheap exit check', async () => {
    assert.equal(installedEngine(cache, native), undefined);
    const engine = await ensureEngine(cache, native);
    const [fast, stock] = [load(engine.addon), load(engine.stockAddon)];
    assert.equal(fast - stock, 2 ** 31);
    assert.equal(stock >>> 24, Number(leastUnicorn.split('.')[0]));
    assert.ok(atLeast(engine.unicorn.version, leastUnicorn));
    assert.match(engine.unicorn.sha256, /^[0-9a-f]{64}$/);
  });

  it('is found again without a build, and built anew when a source changes', async () => {
    const before = installedEngine(cache, native);
    assert.deepEqual(before, await ensureEngine(cache, native));
    writeFileSync(join(native, 'one.cc'), `${source}\n// changed\n`);
    assert.equal(installedEngine(cache, native), undefined);
    assert.notEqual((await ensureEngine(cache, native)).addon, before?.addon);
  });

  it('is not published when it does not compile, and the one before is still there', async () => {
    const before = installedEngine(cache, native);
    writeFileSync(join(native, 'two.cc'), 'this is no C++');
    await assert.rejects(ensureEngine(cache, native), { code: 'command.failed' });
    rmSync(join(native, 'two.cc'));
    assert.deepEqual(installedEngine(cache, native), before);
  });

  it('is not published when it cannot be loaded', async () => {
    writeFileSync(
      join(native, 'two.cc'),
      'extern "C" void nowhere(); extern "C" void* hold() { return (void*)&nowhere; }',
    );
    await assert.rejects(ensureEngine(cache, native), { code: 'command.failed' });
    rmSync(join(native, 'two.cc'));
  });

  it('says so when its sources are missing', async () => {
    await assert.rejects(ensureEngine(cache, join(folder, 'nothing')), { code: 'setup.addon-sources' });
  });
});

describe('version comparison', () => {
  it('goes by the dotted numbers', () => {
    assert.equal(atLeast('2.1.4-4', '2.1.4'), true);
    assert.equal(atLeast('2.1.10', '2.1.4'), true);
    assert.equal(atLeast('1:3', '2.1.4'), true);
    assert.equal(atLeast('2.0.1.post1-1', '2.1.4'), false);
    assert.equal(atLeast('2.1', '2.1.4'), false);
    assert.equal(atLeast('', '2.1.4'), false);
  });
});
