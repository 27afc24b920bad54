import assert from 'node:assert/strict';
import { defineCommand } from 'citty';
import { integerValue, parseCommandLine } from './arguments.ts';

const command = defineCommand({
  meta: { name: 'melf demo', description: 'A demonstration' },
  args: {
    output: { type: 'string', alias: 'o', description: 'Where to write' },
    cost: { type: 'enum', options: ['count', 'inorder'], default: 'count' },
    quick: { type: 'boolean' },
    file: { type: 'positional', description: 'The program' },
  },
});

const strict = (...args: string[]) => parseCommandLine(command, args);

describe('command lines', () => {
  it('give flags by name, alias and default, and operands', async () => {
    const line = await strict('-o', 'x', '--quick', 'program', '--cost=inorder');
    assert.deepEqual(
      [line?.args.output, line?.args.quick, line?.args.cost, line?.args.file],
      ['x', true, 'inorder', 'program'],
    );
    assert.equal((await strict('program'))?.args.cost, 'count');
    assert.equal((await strict('program', '--no-quick'))?.args.quick, false);
  });

  it('give every value of a flag that was repeated', async () => {
    assert.deepEqual((await strict('f', '-o', 'a', '--output', 'b'))?.all('output'), ['a', 'b']);
  });

  it('leave what follows a guest program to it, flags too', async () => {
    const line = await parseCommandLine(command, ['--quick', 'guest', '-o', '--nonsense', '--help'], {
      rest: 'verbatim',
    });
    assert.equal(line?.args.file, 'guest');
    assert.equal(line?.args.output, undefined);
    assert.deepEqual(line?.rest, ['-o', '--nonsense', '--help']);
  });

  it('refuse unknown flags and say which was meant', async () => {
    await assert.rejects(strict('f', '--quik'), {
      code: 'cli.unknown-flag',
      hint: 'Did you mean --quick? See --help.',
    });
    await assert.rejects(strict('f', '-z'), { code: 'cli.unknown-flag' });
    await assert.rejects(strict('f', '--no-output'), { code: 'cli.unknown-flag' });
  });

  it('refuse missing, superfluous and wrong values', async () => {
    await assert.rejects(strict('f', '--output'), { code: 'cli.value', message: '--output needs a value' });
    await assert.rejects(strict('f', '--quick=yes'), { code: 'cli.value', message: '--quick takes no value' });
    await assert.rejects(strict('f', '--cost', 'inorde'), { code: 'cli.value', hint: /Did you mean inorder/ });
    await assert.rejects(strict(), { code: 'cli.operand', message: 'FILE is missing', hint: 'The program' });
    await assert.rejects(strict('f', 'g'), { code: 'cli.operand', message: 'There is nothing to do with g' });
  });

  it('read whole numbers within limits', () => {
    assert.equal(integerValue('--seed', '7'), 7);
    for (const bad of ['', ' ', 'x', '1.5', '-1', '99']) {
      assert.throws(() => integerValue('--threads', bad, 0, 64), {
        code: 'cli.value',
        hint: 'It is a whole number from 0 to 64.',
      });
    }
  });
});
