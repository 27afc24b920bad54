import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeWords, encodeWord } from './raw-words.ts';
import { Project } from './tests/project.ts';

describe('words that are not UTF-8', function () {
  this.timeout(120_000);
  let project: Project;
  before(() => {
    project = new Project({
      'd.c':
        '#include <stdio.h>\nint main(void) {\n#ifdef SLOW\n  putchar(\'s\');\n#endif\n  printf("%zu%s", sizeof Z - 1, Z);\n  return 0;\n}\n',
    });
  });
  after(() => project.close());

  it('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) =>
        assert.deepEqual(Buffer.from(encodeWord(decodeWords(bytes))), Buffer.from(bytes)),
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(decodeWords(encodeWord(text)), text)),
    );
  });

  it('reach the compiler as they are, in every variant, also by a response file', () => {
    project.run("printf '%b' '-DZ=\\\\\"Z\\xfcri ch\\\\\"' | sed 's/ /\\\\ /' > words");
    for (const words of ['$\'-DZ="Z\\xfcri ch"\'', '@words']) {
      const { status, stderr } = project.run(`$CC ${words} d.c -o program`);
      assert.deepEqual([status, stderr], [0, '']);
      for (const [name, start] of [
        ['fast', ''],
        ['slow', 's'],
      ] as const)
        assert.equal(
          project.run(`MELF_VARIANT=${name} ./program | od -An -c -v | tr -d ' \\n'`).stdout,
          `${start}7Z374rich`,
        );
    }
  });

  for (const words of ["-c $'caf\\xe9.c'", "d.c -DZ='\"\"' -o $'caf\\xe9'", "d.c -DZ='\"\"' -Wl,-Map=$'caf\\xe9'"]) {
    it(`as the name of a file they are refused: ${words}`, () => {
      const { status, stderr } = project.run(`cp d.c $'caf\\xe9.c'; $CC ${words}`);
      assert.equal(status, 1);
      assert.match(stderr, /^melf-cc: error: \S*caf(\\xe9|\uFFFD)\S*: the name is not UTF-8/);
    });
  }
});
