import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { fakeCaller } from '../../tests/fake-caller.ts';
import type { Thread } from '../thread.ts';
import { Directory } from './directory.ts';
import { MountError, type MountMode } from './file-tree.ts';
import { OpenFlag } from './open-flags.ts';
import { FileType } from './stat.ts';
import { AT_FDCWD, Vfs } from './vfs.ts';

function read(caller: Thread, path: string): string | number {
  const file = caller.kernel.files.open(caller, AT_FDCWD, path, 0, 0);
  if (typeof file === 'number') return file;
  const bytes = new Uint8Array(1000);
  const count = file.read(bytes, 0);
  return count < 0 ? count : Buffer.from(bytes.subarray(0, count)).toString();
}

function write(caller: Thread, path: string, text: string): number {
  const file = caller.kernel.files.open(
    caller,
    AT_FDCWD,
    path,
    OpenFlag.WRONLY | OpenFlag.CREAT | OpenFlag.TRUNC,
    0o644,
  );
  if (typeof file === 'number') return file;
  file.retain();
  const count = file.write(Buffer.from(text), 0);
  file.release(0);
  return count;
}

describe('layers of the file system', () => {
  let host: string;
  let shown: string;

  beforeEach(() => {
    host = mkdtempSync(join(tmpdir(), 'melf-vfs-'));
    shown = join(host, 'shown');
    mkdirSync(join(shown, 'sub/deep'), { recursive: true });
    writeFileSync(join(host, 'secret'), 'SECRET');
    writeFileSync(join(shown, 'a'), 'content of a');
    writeFileSync(join(shown, 'sub/b'), 'content of b');
    symlinkSync(join(host, 'secret'), join(shown, 'absolute'));
    symlinkSync('../secret', join(shown, 'up'));
    symlinkSync('../../../../../../../../../../../../etc/hostname', join(shown, 'far'));
    symlinkSync(host, join(shown, 'sub/out'));
    symlinkSync('sub/b', join(shown, 'inside'));
    symlinkSync('/sub/b', join(shown, 'rooted'));
  });
  afterEach(() => rmSync(host, { recursive: true }));

  const make = (mode: MountMode, at = '/') => {
    const vfs = new Vfs({ now: () => 0, mounts: [{ at, folders: [shown], mode }] });
    return { vfs, caller: fakeCaller(vfs) };
  };

  for (const mode of ['read-only', 'overlay', 'read-write'] as const) {
    it(`${mode}: no link leads out of the folder`, () => {
      const { caller } = make(mode);
      assert.equal(read(caller, '/a'), 'content of a');
      assert.equal(read(caller, '/inside'), 'content of b');
      assert.equal(read(caller, '/rooted'), 'content of b');
      for (const path of ['/absolute', '/up', '/sub/out/secret', '/../secret', 'sub/../../secret']) {
        assert.equal(read(caller, path), -2, path);
      }
      assert.notEqual(read(caller, '/far'), readFileSync('/etc/hostname', 'utf8'));
    });
  }

  it('paths made of anything stay inside', () => {
    const part = fc.constantFrom(
      '..',
      '.',
      'sub',
      'deep',
      'out',
      'up',
      'absolute',
      'far',
      'inside',
      'a',
      'secret',
      'shown',
      '',
      'link',
    );
    const path = fc.array(part, { maxLength: 8 }).map((parts) => parts.join('/'));
    const { caller, vfs } = make('overlay', '/mnt');
    const top = vfs.resolve(caller, AT_FDCWD, '/mnt');
    assert.ok(typeof top !== 'number' && top.inode instanceof Directory);
    caller.process.fs.cwd = top.inode;
    fc.assert(
      fc.property(path, path, fc.boolean(), (target, name, absolute) => {
        const link = vfs.resolve(caller, AT_FDCWD, 'link', false);
        if (typeof link !== 'number' && link.inode !== undefined) vfs.unlink(caller, link);
        const place = vfs.resolve(caller, AT_FDCWD, 'link', false);
        assert.ok(typeof place !== 'number');
        vfs.make(caller, place, FileType.SYMLINK, 0o777, { target: absolute ? `/${target}` : target || '.' });
        assert.notEqual(read(caller, name), 'SECRET');
        const found = vfs.resolve(caller, AT_FDCWD, name);
        if (typeof found === 'number') return;
        assert.ok(found.directory.isInside(vfs.root));
      }),
      { numRuns: 500 },
    );
  });

  it('resolves as the host does where nothing leaves the tree', function () {
    this.timeout(20_000);
    const names = ['sub', 'deep', 'a', 'b', 'inside', 'one', 'two', '..', '.', ''];
    const target = fc
      .array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 })
      .map((parts) => `./${parts.join('/')}`);
    const path = fc
      .array(fc.constantFrom(...names), { minLength: 1, maxLength: 7 })
      .map((parts) => `./${parts.join('/')}`);
    fc.assert(
      fc.property(target, target, path, (one, two, walked) => {
        // Three levels down, so that `..` cannot leave the temporary folder on the host.
        const home = join(shown, 'sub/deep');
        for (const name of ['one', 'two']) rmSync(join(home, name), { force: true });
        symlinkSync(one, join(home, 'one'));
        symlinkSync(two, join(home, 'two'));
        writeFileSync(join(home, 'b'), 'deep b');
        const vfs = new Vfs({
          now: () => 0,
          mounts: [{ at: join(host, 'shown'), folders: [shown], mode: 'read-only' }],
        });
        const caller = fakeCaller(vfs);
        const start = vfs.resolve(caller, AT_FDCWD, home);
        assert.ok(typeof start !== 'number' && start.inode instanceof Directory);
        caller.process.fs.cwd = start.inode;
        const ups = `${walked}/${one}/${two}`.split('/').filter((part) => part === '..').length;
        fc.pre(ups <= 2);
        let expected: string | number;
        try {
          expected = readFileSync(`${home}/${walked}`, 'utf8');
        } catch (error) {
          expected = (error as NodeJS.ErrnoException).errno ?? 0;
        }
        assert.equal(read(caller, walked), expected, `${walked} with one -> ${one}, two -> ${two}`);
      }),
      { numRuns: 300 },
    );
  });

  it('an overlay keeps changes to itself', () => {
    const { caller, vfs } = make('overlay');
    assert.equal(write(caller, '/a', 'changed'), 7);
    assert.equal(write(caller, '/sub/new', 'new'), 3);
    const from = vfs.resolve(caller, AT_FDCWD, '/sub', false);
    const to = vfs.resolve(caller, AT_FDCWD, '/moved', false);
    assert.ok(typeof from !== 'number' && typeof to !== 'number');
    assert.equal(vfs.rename(caller, from, to, 'replace'), 0);
    assert.equal(read(caller, '/a'), 'changed');
    assert.equal(read(caller, '/moved/b'), 'content of b');
    assert.equal(read(caller, '/moved/new'), 'new');
    assert.equal(read(caller, '/sub/b'), -2);
    assert.equal(readFileSync(join(shown, 'a'), 'utf8'), 'content of a');
    assert.deepEqual(readdirSync(join(shown, 'sub')).sort(), ['b', 'deep', 'out']);
  });

  it('a read-only folder refuses every change', () => {
    const { caller, vfs } = make('read-only', '/mnt');
    assert.equal(write(caller, '/mnt/a', 'x'), -30);
    assert.equal(write(caller, '/mnt/new', 'x'), -30);
    const place = vfs.resolve(caller, AT_FDCWD, '/mnt/a', false);
    assert.ok(typeof place !== 'number');
    assert.equal(vfs.unlink(caller, place), -30);
    assert.equal(write(caller, '/elsewhere', 'x'), 1);
  });

  it('a read-write folder is written through', () => {
    const { caller, vfs } = make('read-write', '/mnt');
    assert.equal(write(caller, '/mnt/a', 'from the guest'), 14);
    assert.equal(readFileSync(join(shown, 'a'), 'utf8'), 'from the guest');
    assert.equal(write(caller, '/mnt/sub/new', 'new'), 3);
    writeFileSync(join(shown, 'late'), 'from the host');
    assert.equal(read(caller, '/mnt/late'), 'from the host');
    const from = vfs.resolve(caller, AT_FDCWD, '/mnt/sub/new', false);
    const to = vfs.resolve(caller, AT_FDCWD, '/mnt/renamed', false);
    assert.ok(typeof from !== 'number' && typeof to !== 'number');
    assert.equal(vfs.rename(caller, from, to, 'replace'), 0);
    assert.equal(readFileSync(join(shown, 'renamed'), 'utf8'), 'new');
    assert.equal(write(caller, '/mnt/up', 'x'), 1, 'a link out of the folder names a file in the guest');
    assert.equal(readFileSync(join(host, 'secret'), 'utf8'), 'SECRET');
  });

  it('shows several folders as one, the first on top', () => {
    const upper = join(host, 'upper');
    mkdirSync(join(upper, 'sub'), { recursive: true });
    writeFileSync(join(upper, 'a'), 'upper a');
    writeFileSync(join(upper, 'sub/c'), 'upper c');
    const vfs = new Vfs({ now: () => 0, mounts: [{ at: '/', folders: [upper, shown], mode: 'overlay' }] });
    const caller = fakeCaller(vfs);
    assert.equal(read(caller, '/a'), 'upper a');
    assert.equal(read(caller, '/sub/b'), 'content of b');
    assert.equal(read(caller, '/sub/c'), 'upper c');
    assert.match(String(read(caller, '/etc/passwd')), /^root:x:0:0/);
  });

  it('says what is wrong with a mount', () => {
    assert.throws(
      () => new Vfs({ now: () => 0, mounts: [{ at: '/', folders: [join(host, 'none')], mode: 'overlay' }] }),
      MountError,
    );
  });
});
