import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { globMatcher } from '../../linker/options.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { compileGuest, runGuest } from './guest.ts';

describe('patterns of function names', function () {
  this.timeout(120_000);
  before(() => ensureEngine());

  it('mean the same to libmelf, to the manager outside and to the linker', async () => {
    const text = (letters: readonly string[]): fc.Arbitrary<string> =>
      fc.array(fc.constantFrom(...letters), { maxLength: 8 }).map((parts) => parts.join(''));
    const drawn = fc.sample(
      fc.tuple(text(['a', 'b', '*', '?', '[', ']', '-', '.', '\\', 'é', '𝔄']), text(['a', 'b', '[', '.', 'é', '𝔄'])),
      { numRuns: 3000, seed: 7 },
    );
    const pairs: [string, string][] = [
      ['[ab]', 'a'],
      ['[ab]', '[ab]'],
      ['*', ''],
      ['?', 'é'],
      ['??', '𝔄'],
      ['a*b*', 'aabba'],
      ...drawn,
    ];
    const folder = mkdtempSync(join(tmpdir(), 'globs-'));
    try {
      const path = await compileGuest('x86-64', 'globs.c', folder);
      const { output, code } = await runGuest('x86-64', path, { args: pairs.flat() });
      assert.equal(code, 0);
      const wanted = pairs.map(([pattern, name]) => (globMatcher([pattern])(name) ? '1' : '0')).join('');
      assert.equal(output, wanted);
      assert.ok(wanted.replaceAll('0', '').length > 100, `${wanted.replaceAll('0', '').length} of them match`);
      assert.equal(wanted.slice(0, 6), '011101');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
