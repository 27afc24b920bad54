// Constructors and destructors whose kinds (C1, C2, D1, D2) the compiler puts together differently in each variant, and equal functions that it
// folds in some: every name keeps one address, every variant executes what its own compile made.

import assert from 'node:assert/strict';
import { skipBecause } from '../base/tests/skip.ts';
import { CxxProgram } from './cxx/program.ts';

const SETS: readonly Readonly<Record<string, string>>[] = [
  { fast: '-O2', plain: '-O0', small: '-Os' },
  { small: '-Os', fast: '-O2', inlined: '-O3 -fno-ipa-icf' },
  { plain: '-O0', declone: '-O2 -fdeclone-ctor-dtor', folded: '-O1 -fipa-icf' },
];

for (const isa of ['x86-64', 'aarch64'] as const) {
  for (const variants of SETS) {
    describe(`destructors that ${Object.values(variants).join(', ')} fold differently, ${isa}`, function () {
      this.timeout(300_000);
      let program: CxxProgram;
      before(async () => {
        program = await CxxProgram.build(isa, {
          folder: 'destructors',
          common: ['main.cc', 'common.cc'],
          multivariant: ['work.cc'],
          variants,
          flags: ['-static', '-fno-pie'],
        });
      });
      after(() => program?.remove());
      const expected = '123396 7 7 11 11 200008\n'.repeat(6);

      it('the kinds of a destructor are multivariant, each under its name', () => {
        const names = program.file.melf!.functions.map((f) => f.name);
        for (const name of ['_ZN6InlineD1Ev', '_ZN7FurtherD1Ev', '_ZN4LeafIcED1Ev'])
          assert.ok(names.includes(name), name);
      });
      it('in the sandbox', async () => assert.equal(await program.inSandbox([]), expected));
      it('outside of it', function () {
        const output = program.outside([]);
        if (output === undefined) {
          skipBecause(this, `this machine has no user-mode qemu for ${isa}`);
        }
        assert.equal(output, expected);
      });
    });
  }
}
