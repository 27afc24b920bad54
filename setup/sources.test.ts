import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { levelTimes, matchesUpstream, parseDsc, parseSeries, unpackSourcePackage } from './sources.ts';

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Writes a `3.0 (quilt)` source package of one C file, with one patch to it, and gives its `.dsc`. */
function makeSourcePackage(folder: string, patch: string): string {
  const upstream = join(folder, 'demo-1.0');
  const debian = join(folder, 'debian', 'patches');
  mkdirSync(upstream);
  mkdirSync(debian, { recursive: true });
  writeFileSync(join(upstream, 'a.c'), 'int one = 1;\n');
  writeFileSync(join(debian, 'series'), '# a comment\nfirst.patch -p1\n');
  writeFileSync(join(debian, 'first.patch'), patch);
  execFileSync('tar', ['-C', folder, '-czf', join(folder, 'demo_1.0.orig.tar.gz'), 'demo-1.0']);
  execFileSync('tar', ['-C', folder, '-cJf', join(folder, 'demo_1.0-1.debian.tar.xz'), 'debian']);
  const rows = ['demo_1.0.orig.tar.gz', 'demo_1.0-1.debian.tar.xz'].map(
    (name) => ` ${sha256(join(folder, name))} 1 ${name}`,
  );
  const dsc = join(folder, 'demo_1.0-1.dsc');
  writeFileSync(dsc, `Format: 3.0 (quilt)\nSource: demo\nChecksums-Sha256:\n${rows.join('\n')}\nFiles:\n 0 1 x\n`);
  return dsc;
}

const goodPatch = '--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-int one = 1;\n+int one = 2;\n';

describe('source packages', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-source-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are unpacked with their patches applied, all files of one age', async () => {
    const tree = join(folder, 'tree');
    await unpackSourcePackage(makeSourcePackage(folder, goodPatch), tree);
    assert.equal(readFileSync(join(tree, 'a.c'), 'utf8'), 'int one = 2;\n');
    assert.ok(existsSync(join(tree, 'debian', 'patches', 'series')));
    levelTimes(tree);
    assert.equal(statSync(join(tree, 'a.c')).mtimeMs, statSync(join(tree, 'debian', 'patches', 'series')).mtimeMs);
  });

  it('are refused when a file is not the one that the .dsc lists', async () => {
    const dsc = makeSourcePackage(folder, goodPatch);
    writeFileSync(join(folder, 'demo_1.0.orig.tar.gz'), 'something else');
    await assert.rejects(unpackSourcePackage(dsc, join(folder, 'tree')), { code: 'setup.hash' });
  });

  it('are refused when a patch does not fit', async () => {
    const dsc = makeSourcePackage(folder, goodPatch.replace('int one = 1;', 'int none = 0;'));
    await assert.rejects(unpackSourcePackage(dsc, join(folder, 'tree')), { code: 'command.failed' });
  });

  it('list their files in the .dsc', () => {
    const { format, files } = parseDsc(
      `-----BEGIN PGP SIGNED MESSAGE-----\n\nFormat: 3.0 (quilt)\nChecksums-Sha256:\n ${'a'.repeat(64)} 12 x.tar.gz\n`,
    );
    assert.equal(format, '3.0 (quilt)');
    assert.deepEqual(files, [{ name: 'x.tar.gz', sha256: 'a'.repeat(64) }]);
  });

  it('have a series of patches in order, comments left out', () => {
    assert.deepEqual(parseSeries('a.patch\n\n# b.patch\nc.patch -p1 # why\n'), ['a.patch', 'c.patch']);
  });

  it('are preferred in the version that the scenarios were made for', () => {
    assert.equal(matchesUpstream('2.1.12', '2.1.12-stable-8'), true);
    assert.equal(matchesUpstream('10.11.18', '1:10.11.18-0+deb12u1'), true);
    assert.equal(matchesUpstream('1.6.18', '1.6.18-1'), true);
    assert.equal(matchesUpstream('1.6.18', '1.6.180-1'), false);
    assert.equal(matchesUpstream('1.6.1', '1.6.18-1'), false);
  });
});
