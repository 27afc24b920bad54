import assert from 'node:assert/strict';
import { Project } from './tests/project.ts';
import { Warnings } from './warnings.ts';

describe('warnings of variants', function () {
  this.timeout(120_000);

  it('those that the default variant does not have are shown once, with the variant', () => {
    const project = new Project({
      'h.h': '#ifdef SLOW\nstatic inline int h(void) { int lost; return 1; }\n#endif\n',
      'w.c':
        '#include "h.h"\n#ifndef __OPTIMIZE__\n#warning not optimised\n#endif\n#warning always\nint w(void) { int never; return 1; }\n',
      'quiet.c': 'int quiet(void) { return 1; }\n',
    });
    try {
      const { status, stderr } = project.cc('-Wall -c w.c');
      assert.equal(status, 0);
      const heads = stderr.split('\n').filter((line) => line.includes('warning: '));
      assert.deepEqual(heads, [
        'w.c:5:2: warning: #warning always [-Wcpp]',
        "w.c:6:19: warning: unused variable 'never' [-Wunused-variable]",
        "h.h:2:33: warning: unused variable 'lost' [-Wunused-variable] [variant slow]",
        'w.c:3:2: warning: #warning not optimised [-Wcpp] [variant slow]',
      ]);
      assert.match(stderr, /In file included from w\.c:1:\nh\.h: In function 'h':\nh\.h:2:33: warning: .*\n +2 \|/);
      assert.deepEqual(project.cc('-Wall -c quiet.c').stderr, '');
    } finally {
      project.close();
    }
  });

  it('one of the assembler is the same at another line, and colours do not count', () => {
    const warnings = new Warnings(
      '/tmp/ccA.s: Assembler messages:\n/tmp/ccA.s:12: Warning: odd\n\u001b[1ma.c:1:2:\u001b[m \u001b[35mwarning: \u001b[mx\n',
    );
    const text =
      '/tmp/ccB.s: Assembler messages:\n/tmp/ccB.s:34: Warning: odd\na.c:1:2: warning: x\na.c: In function f:\na.c:7:1: warning: y\n  7 | y\na.c:8: note: z\n2 warnings generated.\n';
    const shown = 'a.c: In function f:\na.c:7:1: warning: y [variant b]\n  7 | y\na.c:8: note: z\n';
    assert.equal(warnings.further(text, 'b'), shown);
    assert.equal(warnings.further(text, 'c'), '');
  });
});
