// Rules for make name what any variant includes.

import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from './tests/project.ts';

describe("melf-cc's rules for make", function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({
      'd.c': '#ifdef SLOW\n#include "slow.h"\n#endif\n#include "both.h"\nint d(void) { return 1; }\n',
      'e.c': '#include "both.h"\nint e(void) { return 1; }\n',
      'slow.h': '',
      'both.h': '',
    });
  });
  after(() => project.close());

  /** The rules without line breaks, one a line. */
  const rules = (text: string): string[] =>
    text.replaceAll('\\\n', ' ').replaceAll(/ +/g, ' ').split('\n').filter(Boolean);

  for (const [words, file, target] of [
    ['-c d.c -MMD -MP', 'd.d', 'd.o'],
    ['-c d.c -MMD -MP -o /dev/null -MF n.d', 'n.d', '/dev/null'],
    ['-c d.c -Wp,-MMD,v.d', 'v.d', 'd.o'],
    ['-c d.c -Wp,-MD,v.d -MT there', 'v.d', 'there'],
    ['-E -MMD d.c -o d.i', 'd.d', 'd.o'],
    ['-E d.c -MMD -MF x.d -MT there', 'x.d', 'there'],
    ['-MM -MP d.c -MF y.d', 'y.d', 'd.o'],
    ['-MM d.c -o z.d', 'z.d', 'd.o'],
    ['-S d.c -o - -MMD -MF s.d', 's.d', undefined],
  ] as const) {
    it(words, () => {
      rmSync(join(project.folder, file), { force: true });
      const { status, stderr } = project.cc(words);
      assert.deepEqual([status, stderr], [0, '']);
      assert.ok(existsSync(join(project.folder, file)));
      const [first, ...more] = rules(project.read(file));
      const own = target ?? first!.split(':')[0]!;
      assert.match(first!, new RegExp(`^${own}: d\\.c .*both\\.h$`));
      const further = more.filter((line) => line !== 'both.h:');
      assert.deepEqual(further, [`${own}: slow.h`, ...(words.includes('-MP') ? ['slow.h:'] : [])]);
    });
  }

  it('-MM of several sources, to the standard output', () => {
    const { stdout } = project.cc('-MM e.c d.c');
    assert.deepEqual(rules(stdout), ['e.o: e.c both.h', 'd.o: d.c both.h', 'd.o: slow.h']);
    const piped = project.run('$CC -x c -MM -MP -MT in.o - < d.c').stdout;
    assert.deepEqual(rules(piped), ['in.o: both.h', 'in.o: slow.h', 'slow.h:']);
    assert.equal(project.cc('-E d.c').stdout.includes('slow.h'), false);
  });
});
