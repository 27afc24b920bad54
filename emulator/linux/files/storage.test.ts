import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fakeCaller } from '../../tests/fake-caller.ts';
import type { Thread } from '../thread.ts';
import type { DiskFile, DiskImage } from './disk-image.ts';
import type { Draw } from './file-page.ts';
import type { OpenFile } from './open-file.ts';
import { OpenFlag } from './open-flags.ts';
import type { Place } from './path.ts';
import type { RegularFile } from './regular-file.ts';
import { FileType } from './stat.ts';
import { AT_FDCWD, Vfs } from './vfs.ts';

const { CREAT, RDWR, DIRECTORY, APPEND } = OpenFlag;
const PAGE = 4096;

/** Draws from a list, round and round. */
function from(numbers: readonly number[]): Draw {
  let drawn = 0;
  return (bound) => numbers[drawn++ % numbers.length]! % bound;
}

function disk(image?: DiskImage): { vfs: Vfs; caller: Thread } {
  const vfs = new Vfs({ now: () => 0, disk: image === undefined ? {} : { image } });
  return { vfs, caller: fakeCaller(vfs) };
}

function open(vfs: Vfs, caller: Thread, path: string, flags: number = CREAT | RDWR): OpenFile {
  const file = vfs.open(caller, AT_FDCWD, path, flags, 0o640);
  assert.ok(typeof file !== 'number', `${path}: ${file}`);
  return file.retain();
}

function place(vfs: Vfs, caller: Thread, path: string): Place {
  const found = vfs.resolve(caller, AT_FDCWD, path, false);
  assert.ok(typeof found !== 'number');
  return found;
}

const at = (image: DiskImage, path: string): DiskFile | undefined =>
  path.split('/').reduce<DiskFile | undefined>((file, name) => file?.names?.get(name), image);
const text = (file: DiskFile | undefined): string | undefined => file?.bytes && Buffer.from(file.bytes).toString();
const bytes = (value: string): Uint8Array => Buffer.from(value);

describe('a disk', () => {
  it('has all of what a file was cut by, with its old size, or none of it', () => {
    const size = fc.integer({ min: 0, max: 4 * PAGE });
    const draws = fc.array(fc.nat(1), { minLength: 1, maxLength: 50 });
    let [kept, lost] = [0, 0];
    fc.assert(
      fc.property(size, size, fc.option(size, { nil: undefined }), draws, (before, to, grown, numbers) => {
        // What a cut leaves a part of has new contents, and counts by itself: a sector, or a page once the file is longer again.
        const cut = to - (to % (grown === undefined ? 512 : PAGE));
        fc.pre(cut < before && (grown === undefined || grown > cut));
        const { vfs, caller } = disk();
        vfs.putFile('/tmp/f', new Uint8Array());
        const file = open(vfs, caller, '/tmp/f', RDWR);
        file.write(Buffer.alloc(before, 7), 0, 0);
        file.sync();
        file.truncate(cut);
        if (grown !== undefined) file.truncate(grown);
        const found = Buffer.from(at(vfs.crash(from(numbers)), 'tmp/f')!.bytes!);
        const old = Buffer.alloc(before, 7);
        const now = Buffer.concat([Buffer.alloc(cut, 7), Buffer.alloc((grown ?? cut) - cut)]);
        if (found.equals(old)) kept++;
        else if (found.equals(now)) lost++;
        else assert.fail(`of ${before} bytes cut to ${cut} and made ${grown ?? cut} long ${found.length} are left`);
      }),
    );
    assert.ok(kept > 10 && lost > 10, `${kept} with the old size, ${lost} with the new`);
  });

  it('has what was synced, with its name only when the directory was', () => {
    for (const draws of [[0], [1], [0, 1, 2, 3, 5]]) {
      const { vfs, caller } = disk();
      const file = open(vfs, caller, '/tmp/a');
      file.write(bytes('one'), 0);
      file.sync();
      open(vfs, caller, '/tmp', DIRECTORY).sync();
      file.write(bytes('two'), 0);
      const image = vfs.crash(from(draws));
      assert.ok(['one', 'onetwo', 'one\0\0\0'].includes(text(at(image, 'tmp/a'))!));
    }
  });

  it('may lack a file whose directory was not synced, however well the file was', () => {
    const outcomes = [[0], [1]].map((draws) => {
      const { vfs, caller } = disk();
      const file = open(vfs, caller, '/tmp/a');
      file.write(bytes('one'), 0);
      file.sync();
      return text(at(vfs.crash(from(draws)), 'tmp/a'));
    });
    assert.deepEqual(outcomes, [undefined, 'one']);
  });

  it('keeps names in order: a rename is whole, and never before what came before it', () => {
    const seen = new Set<string>();
    for (let draw = 0; draw < 8; draw++) {
      const { vfs, caller } = disk();
      vfs.putFile('/tmp/config', bytes('old'));
      const file = open(vfs, caller, '/tmp/config.new');
      file.write(bytes('new'), 0);
      file.sync();
      const [source, target] = [place(vfs, caller, '/tmp/config.new'), place(vfs, caller, '/tmp/config')];
      assert.equal(vfs.rename(caller, source, target, 'replace'), 0);
      open(vfs, caller, '/tmp/later');
      const image = vfs.crash(from([draw]));
      const [config, fresh, later] = ['config', 'config.new', 'later'].map((name) => text(at(image, `tmp/${name}`)));
      seen.add(`${config} ${fresh} ${later}`);
    }
    assert.deepEqual([...seen].sort(), [
      'new undefined ',
      'new undefined undefined',
      'old new undefined',
      'old undefined undefined',
    ]);
  });

  it('still has a deleted file as long as the deletion may be lost', () => {
    const { vfs, caller } = disk();
    vfs.putFile('/tmp/journal', bytes('undo'));
    assert.equal(vfs.unlink(caller, place(vfs, caller, '/tmp/journal')), 0);
    assert.equal(text(at(vfs.crash(from([0])), 'tmp/journal')), 'undo');
    const second = disk();
    second.vfs.putFile('/tmp/journal', bytes('undo'));
    second.vfs.unlink(second.caller, place(second.vfs, second.caller, '/tmp/journal'));
    open(second.vfs, second.caller, '/tmp', DIRECTORY).sync();
    const used = second.vfs.root.fileSystem.pagesUsed;
    assert.equal(at(second.vfs.crash(from([0])), 'tmp/journal'), undefined);
    assert.ok(used < 10, 'its memory is free');
  });

  it('gives the next machine its files: names, links, contents and rights', () => {
    const { vfs, caller } = disk();
    const file = open(vfs, caller, '/root/data');
    file.write(new Uint8Array(3 * PAGE).fill(7), 0);
    assert.equal(vfs.link(caller, file.inode!, place(vfs, caller, '/root/same')), 0);
    const link = { type: FileType.SYMLINK, permissions: 0o777, uid: 0, gid: 0, target: 'data' };
    place(vfs, caller, '/root/link').directory.create('link', link);
    const again = disk(vfs.diskImage());
    assert.deepEqual(again.vfs.fileBytes('/root/data'), new Uint8Array(3 * PAGE).fill(7));
    const inode = open(again.vfs, again.caller, '/root/link', RDWR).inode as RegularFile;
    assert.equal(inode.nlink, 2);
    assert.equal(inode.permissions, 0o640);
    assert.equal(open(again.vfs, again.caller, '/root/same', RDWR).inode, inode);
    // And it is on the disk from the first moment on.
    assert.equal(at(again.vfs.crash(from([0])), 'root/same')?.bytes?.length, 3 * PAGE);
  });

  it('is needed for a crash', () => {
    assert.throws(() => new Vfs({ now: () => 0 }).crash(() => 0), { code: 'files.no-disk' });
  });

  it('holds after any writes, truncations and syncs, sector by sector, what was there at the last sync or at the end', () => {
    const operation = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          at: fc.nat(3 * PAGE),
          length: fc.integer({ min: 1, max: 5000 }),
          byte: fc.integer({ min: 1, max: 255 }),
        }),
      },
      fc.record({ kind: fc.constant('truncate' as const), size: fc.nat(4 * PAGE) }),
      fc.record({ kind: fc.constant('sync' as const) }),
    );
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 20 }),
        fc.array(fc.nat(1), { minLength: 1, maxLength: 50 }),
        (operations, draws) => {
          const { vfs, caller } = disk();
          vfs.putFile('/tmp/f', new Uint8Array());
          const file = open(vfs, caller, '/tmp/f', RDWR);
          let now = Buffer.alloc(0);
          let synced = now;
          for (const one of operations) {
            if (one.kind === 'sync') {
              file.sync();
              synced = Buffer.from(now);
            } else if (one.kind === 'truncate') {
              file.truncate(one.size);
              now = Buffer.concat([now.subarray(0, one.size), Buffer.alloc(Math.max(0, one.size - now.length))]);
            } else {
              const data = Buffer.alloc(one.length, one.byte);
              file.write(data, 0, one.at);
              const grown = Buffer.alloc(Math.max(now.length, one.at + one.length));
              now.copy(grown);
              data.copy(grown, one.at);
              now = grown;
            }
          }
          const left = Buffer.from(at(vfs.crash(from(draws)), 'tmp/f')!.bytes!);
          assert.ok(left.length === synced.length || left.length === now.length);
          const sector = (buffer: Buffer, offset: number): Buffer => {
            const padded = Buffer.alloc(512);
            buffer.subarray(offset, Math.min(left.length, offset + 512)).copy(padded);
            return padded;
          };
          for (let offset = 0; offset < left.length; offset += 512) {
            const found = sector(left, offset);
            assert.ok(found.equals(sector(synced, offset)) || found.equals(sector(now, offset)), `sector at ${offset}`);
          }
          if (synced.equals(now)) assert.deepEqual(left, now);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('does not keep what an append with O_DSYNC would have: that is for the system call to wait for', () => {
    const { vfs, caller } = disk();
    vfs.putFile('/tmp/log', new Uint8Array());
    open(vfs, caller, '/tmp/log', RDWR | APPEND).write(bytes('x'), 0);
    assert.equal(text(at(vfs.crash(from([0])), 'tmp/log')), '');
  });
});
