import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { osRelease, readAptSources } from './apt-sources.ts';
import { parseMadison } from './packages.ts';

describe('Debian packages', () => {
  it('have their versions read from apt-cache madison, binaries and sources apart', () => {
    const table = [
      '   mariadb | 1:10.11.19-0+deb12u1 | http://m/debian-security bookworm-security/main Sources',
      '   mariadb | 1:10.11.18-0+deb12u1 | http://m/debian bookworm/main Sources',
      '   mariadb | 1:10.11.18-0+deb12u1 | http://m/debian bookworm-updates/main Sources',
      '   mariadb | 1:10.11.3-1 | http://m/debian bookworm/main amd64 Packages',
      '   mariadb-x | 9 | http://m/debian bookworm/main amd64 Packages',
    ].join('\n');
    assert.deepEqual(parseMadison(table, 'mariadb', true), ['1:10.11.19-0+deb12u1', '1:10.11.18-0+deb12u1']);
    assert.deepEqual(parseMadison(table, 'mariadb', false), ['1:10.11.3-1']);
    assert.deepEqual(parseMadison('', 'mariadb', false), []);
  });

  it('come from both kinds of source files and from nothing else in the folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-apt-'));
    try {
      mkdirSync(join(folder, 'sources.list.d'));
      writeFileSync(join(folder, 'sources.list'), 'deb http://a/d s main\n');
      writeFileSync(join(folder, 'sources.list.d', 'b.list'), 'deb http://b/d s main\n');
      writeFileSync(
        join(folder, 'sources.list.d', 'c.sources'),
        'Types: deb\nURIs: http://c/d\nSuites: s\nComponents: main\n',
      );
      writeFileSync(join(folder, 'sources.list.d', 'd.list.disabled'), 'deb http://d/d s main\n');
      assert.deepEqual(
        readAptSources(folder).flatMap(({ uris }) => uris),
        ['http://a/d', 'http://b/d', 'http://c/d'],
      );
      assert.deepEqual(readAptSources(join(folder, 'nowhere')), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('belong to the release that os-release names', () => {
    assert.deepEqual(osRelease('ID=debian\nVERSION_CODENAME="bookworm"\n# x\nPRETTY_NAME=\'Debian 12\'\n'), {
      ID: 'debian',
      VERSION_CODENAME: 'bookworm',
      PRETTY_NAME: 'Debian 12',
    });
  });
});
