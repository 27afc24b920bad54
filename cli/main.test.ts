import assert from 'node:assert/strict';
import { UsageError } from '../base/arguments.ts';
import { MelfError } from '../base/errors.ts';
import { nearest } from '../base/suggest.ts';
import { exitCodeOf, formatError } from './report-error.ts';
import { runMelf as melf } from './tests/melf.ts';

describe('the melf command', () => {
  it('names its commands when asked for help, and when there is nothing to do', () => {
    const help = melf('--help');
    assert.equal(help.status, 0);
    for (const name of ['link', 'inspect', 'run', 'scenario', 'bench', 'test'])
      assert.match(help.stdout, new RegExp(`\\b${name}\\b`));
    const nothing = melf();
    assert.equal(nothing.status, 2);
    assert.equal(nothing.stdout, '');
  });

  it('refuses an unknown command with a suggestion and no stack trace', () => {
    const { status, stderr } = melf('scenaro', 'x');
    assert.equal(status, 2);
    assert.match(stderr, /^error: There is no command scenaro \[cli\.unknown-command\]\nhint: Did you mean scenario\?/);
    assert.doesNotMatch(stderr, /\n {4}at /);
  });

  it('shows the stack trace with --debug only', () => {
    assert.match(melf('--debug', 'scenaro').stderr, /\n {4}at /);
    assert.match(melf('scenaro', '--debug').stderr, /\n {4}at /);
  });

  it('refuses an unknown scenario, and one that would leave the folder', () => {
    for (const name of ['nonsense', '../cli', 'runner/..']) {
      const { status, stderr } = melf('scenario', name);
      assert.equal(status, 2);
      assert.match(stderr, /\[cli\.unknown-scenario\]/);
    }
  });

  it('does not take a name of every object for a command', () => {
    assert.match(melf('constructor').stderr, /cli\.unknown-command/);
  });
});

describe('error messages', () => {
  it('have the facts and the hint under the message', () => {
    const error = new MelfError('demo.code', 'It broke', {
      facts: { file: 'x.o', none: undefined, log: 'a\nb' },
      hint: 'Mend it.',
    });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    const plain = formatError(error, false).replace(/\u001b\[\d+m/g, '');
    assert.equal(plain, 'error: It broke [demo.code]\n  file: x.o\n  log: a\n    b\nhint: Mend it.');
  });

  it('tell what caused an error with --debug', () => {
    const text = formatError(new MelfError('demo.code', 'outer', { cause: new Error('inner') }), true);
    assert.match(text, /caused by: Error: inner/);
  });

  it('call what no one expected a defect of ours', () => {
    assert.match(
      formatError(new TypeError('x is not a function'), false),
      /internal error.*x is not a function\n.*--debug/s,
    );
  });

  it('end with 2 for a wrong command line, with 1 for all else', () => {
    assert.equal(exitCodeOf(new UsageError('a', 'b')), 2);
    assert.equal(exitCodeOf(new Error('a')), 1);
  });
});

describe('suggestions', () => {
  it('are near words only', () => {
    const words = ['link', 'inspect', 'run', 'scenario', 'bench', 'test'];
    assert.equal(nearest('lnik', words), 'link');
    assert.equal(nearest('insp', words), 'inspect');
    assert.equal(nearest('nur', words), undefined);
    assert.equal(nearest('completely-else', words), undefined);
  });
});
