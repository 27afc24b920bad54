import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './project.ts';

describe('bundles of JavaScript for a quick start', () => {
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'melf-bundle-'));
    for (const folder of ['setup', 'base', 'part']) mkdirSync(join(root, folder));
    cpSync(join(projectRoot, 'setup', 'bundle.cjs'), join(root, 'setup', 'bundle.cjs'));
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    writeFileSync(join(root, 'base', 'errors.ts'), 'export class MelfError extends Error {}\n');
    writeFileSync(
      join(root, 'part', 'main.ts'),
      `import { MelfError } from '../base/errors.ts';
import { answer } from './answer.ts';
export async function main(): Promise<string> {
  const { fail } = await import('./late.ts');
  try { fail(); } catch (error) { return \`\${answer} \${error instanceof MelfError} \${import.meta.dirname}\`; }
  return 'no error';
}
`,
    );
    writeFileSync(
      join(root, 'part', 'late.ts'),
      "import { MelfError } from '../base/errors.ts';\nexport function fail(): never { throw new MelfError('x'); }\n",
    );
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const answer = (text: string): void => writeFileSync(join(root, 'part', 'answer.ts'), text);
  const run = (): string => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [
        '-e',
        "const b = require('./setup/bundle.cjs'); b.loadBundle('part/main.ts').then(async ({ main }) => { console.log(await main()); b.keepCode(); })",
      ],
      { cwd: root, encoding: 'utf8' },
    );
    return stdout + stderr;
  };
  const stored = (): string[] => readdirSync(join(root, '.cache', 'bundles')).sort();

  it('holds what is imported; what is imported late is a bundle of its own with the same error classes', () => {
    answer('export const answer: number = 42;\n');
    assert.equal(run(), `42 true ${join(root, 'part')}\n`);
    assert.deepEqual(
      stored()
        .map((name) => name.replace(/-[0-9a-f]{16}/, ''))
        .sort(),
      [
        'base-errors.code',
        'base-errors.js',
        'base-errors.json',
        'part-late.code',
        'part-late.js',
        'part-late.json',
        'part-main.code',
        'part-main.js',
        'part-main.json',
      ],
    );
  });

  it('is made again when a source changed, and only then; the old one is removed', () => {
    const before = stored();
    assert.match(run(), /^42 /);
    assert.deepEqual(stored(), before);
    answer('export const answer: number = 4_200;\n');
    assert.match(run(), /^4200 true/);
    assert.equal(stored().length, before.length);
    assert.notDeepEqual(stored(), before);
  });

  it('is made again when its file is gone', () => {
    for (const name of stored().filter((one) => one.endsWith('.js'))) rmSync(join(root, '.cache', 'bundles', name));
    assert.match(run(), /^4200 true/);
  });

  it('a source that cannot be compiled is named, with its line', () => {
    answer('export const answer: number = ;\n');
    assert.match(run(), /part\/answer\.ts:1:30/);
  });
});
