// C++ names as their programmers wrote them, without parameters: by c++filt, which comes with every gcc.

import { spawnSync } from 'node:child_process';

/** The same text, its mangled names replaced; undefined where the machine has no c++filt. */
export function demangled(text: string): string | undefined {
  if (!text.includes('_Z')) return text;
  const { status, stdout } = spawnSync('c++filt', ['-p'], { input: text, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return status === 0 ? stdout : undefined;
}
