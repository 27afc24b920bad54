import assert from 'node:assert/strict';
import { PLAIN_FLAGS, Workshop } from '../linker/tests/workshop.ts';
import { runMelf } from './tests/melf.ts';

const SUBJECT = `static inline int twice(int x) { return 2 * x; }
int add(int x) { return twice(x) + V; }
`;

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`melf addr2line, on ${isa}`, () => {
    let shop: Workshop;
    let program: string;
    before(async () => {
      shop = await Workshop.open(isa);
      const objects = shop.compileVariants('subject.c', SUBJECT, {
        fast: ['-g', '-DV=1'],
        slow: ['-g', '-O0', '-DV=2'],
      });
      const main = shop.compile('main.c', 'int add(int); void apply(int); int main(void) { return add(1); }', [
        ...PLAIN_FLAGS,
        '-g',
      ]);
      program = shop.write('linked', shop.variants(objects, [main]).bytes);
    });
    after(() => shop.close());

    const melf = (...args: string[]) => {
      const run = runMelf('addr2line', ...args);
      return { status: run.status, out: run.stdout, err: run.stderr };
    };

    it('shows function, file and line, with inlined calls, in one variant or in all', () => {
      const fast = melf('-i', program, 'add');
      assert.match(fast.out, /^0x[0-9a-f]+: (add|twice) at .*fast\/subject\.c:[12]\n/);
      assert.equal(fast.status, 0);
      const slow = melf('--variant', 'slow', program, 'add+4');
      assert.match(slow.out, /^0x[0-9a-f]+: add at .*slow\/subject\.c:2\n$/);
      const all = melf('--all', program, 'add', 'main');
      assert.match(
        all.out,
        /^0x\w+ fast: .*fast\/subject\.c:\d\n0x\w+ slow: add at .*slow\/subject\.c:2\n0x\w+ fast: main at /,
      );
      const { address } = JSON.parse(melf('--json', program, 'main').out) as { address: number };
      const biased = melf('--bias', '0x1000000', program, `0x${(address + 0x1000000).toString(16)}`);
      assert.match(biased.out, new RegExp(`^0x${(address + 0x1000000).toString(16)}: main at `));
    });

    it('says what is wrong', () => {
      const wrong = (expected: RegExp, status: number, ...args: string[]): void => {
        const run = melf(...args);
        assert.match(run.err, expected);
        assert.doesNotMatch(run.err, /internal error/);
        assert.equal(run.status, status);
      };
      wrong(/There is no variant slo[\s\S]*Did you mean slow\?/, 2, '--variant', 'slo', program, 'add');
      wrong(/neither an address nor a function/, 2, program, 'nobody_here');
      wrong(/There is no address to look up/, 2, program);
      shop.tool('cp', [program, `${program}-stripped`]);
      shop.tool(shop.binutil('strip'), ['-g', `${program}-stripped`]);
      wrong(/has no debug information/, 1, `${program}-stripped`, 'add');
      assert.deepEqual(melf(program, '0x10'), { status: 1, out: '0x10: ?? at ??:?\n', err: '' });
    });
  });
}
