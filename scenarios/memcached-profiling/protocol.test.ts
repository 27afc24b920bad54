import assert from 'node:assert/strict';
import fc from 'fast-check';
import { getRequest, type Reply, ReplyReader, setRequest } from './protocol.ts';

const reply: fc.Arbitrary<Reply> = fc.oneof(
  fc.constantFrom('STORED', 'OK', 'END', 'SERVER_ERROR out of memory').map((line) => ({ values: [], line })),
  fc
    .array(
      fc.tuple(fc.constantFrom('a', 'key:17'), fc.uint8Array({ maxLength: 40 })).map(([key, bytes]) => ({
        key,
        bytes: Buffer.from(bytes),
      })),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((values) => ({ values, line: 'END' })),
);

const encode = ({ values, line }: Reply): Buffer =>
  Buffer.concat([
    ...values.flatMap(({ key, bytes }) => [
      Buffer.from(`VALUE ${key} 0 ${bytes.length}\r\n`),
      bytes,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`${line}\r\n`),
  ]);

describe('memcached protocol', () => {
  it('cuts any stream into its replies, wherever the network cut it', () => {
    fc.assert(
      fc.property(
        fc.array(reply, { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (replies, cuts) => {
          const stream = Buffer.concat(replies.map(encode));
          const reader = new ReplyReader();
          const found: Reply[] = [];
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const size = cuts[cut % cuts.length]!;
            found.push(...reader.push(stream.subarray(at, at + size)));
            at += size;
          }
          assert.deepEqual(found, replies);
        },
      ),
    );
  });

  it('refuses what is no reply', () => {
    assert.throws(() => new ReplyReader().push(Buffer.from('VALUE a 0 -4\r\n')), /not a VALUE line/);
    assert.throws(() => new ReplyReader().push(Buffer.from('VALUE a 0 2\r\nabcd\r\n')), /no line end/);
  });

  it('writes requests', () => {
    assert.equal(getRequest('k').toString(), 'get k\r\n');
    assert.equal(setRequest('k', Buffer.from('xy')).toString(), 'set k 0 0 2\r\nxy\r\n');
  });
});
