// C++ exceptions and backtraces on glibc and libstdc++, through the frames of each variant: the unwinder must take the tables of the variant that
// the thread executes. Both instruction sets; the compiler for the one that this machine does not have is fetched (about 200 MB unpacked).

import assert from 'node:assert/strict';
import { skipBecause } from '../base/tests/skip.ts';
import { CxxProgram } from './cxx/program.ts';

const VARIANTS = {
  quick: '-O2 -DROOM=16',
  wide: '-O1 -fno-inline -fno-omit-frame-pointer -DROOM=3000',
  plain: '-O0 -DROOM=200',
};
const NAMES = Object.keys(VARIANTS);
const told = (name: string): string => `${name} again ${name}, out ${name}, kept ${name}, 0 open, 7 deeper\n`;

for (const isa of ['x86-64', 'aarch64'] as const) {
  for (const kind of ['-static', '-static-pie'] as const) {
    describe(`exceptions in every variant, glibc, ${isa}, ${kind}`, function () {
      this.timeout(300_000);
      let program: CxxProgram;
      before(async () => {
        program = await CxxProgram.build(isa, {
          folder: 'exceptions',
          common: ['main.cc'],
          multivariant: ['work.cc'],
          variants: VARIANTS,
          flags: [kind, kind === '-static-pie' ? '-fPIE' : '-fno-pie', '-pthread'],
        });
        assert.equal(program.file.isPie, kind === '-static-pie');
        assert.ok((program.file.melf?.functions.length ?? 0) > 10);
      });
      after(() => program?.remove());

      for (const name of NAMES) {
        it(`in the sandbox, as ${name}`, async () => {
          assert.equal(await program.inSandbox(['stay'], [`MELF_VARIANT=${name}`]), told(name));
        });
      }

      it('in the sandbox, where one thread goes from variant to variant', async () => {
        assert.equal(await program.inSandbox(['switch']), [...NAMES, ...NAMES].map(told).join(''));
      });

      it('in the sandbox, where threads in different variants throw at the same time', async () => {
        assert.equal(await program.inSandbox(['threads']), [...NAMES, ...NAMES].map(told).join(''));
      });

      it('outside of it, chosen at the start and switched as a process', function () {
        const all = program.outside([program.isNative ? 'switch' : 'all']);
        if (all === undefined) {
          skipBecause(this, `this machine has no user-mode qemu for ${isa}`);
        }
        assert.equal(all, [...NAMES, ...NAMES].map(told).join(''));
        for (const name of NAMES) assert.equal(program.outside(['stay'], { MELF_VARIANT: name }), told(name));
      });
    });
  }
}
