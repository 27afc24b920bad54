import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../setup/project.ts';

const folders = ['base', 'setup', 'linker', 'emulator', 'overlay', 'scenarios', 'bench', 'cli'];

const sources = folders.flatMap((folder) =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !/(^|\/)tests\//.test(name))
    .map((name) => ({ file: join(folder, name), text: readFileSync(join(projectRoot, folder, name), 'utf8') })),
);

/** MelfError and everything that extends it, directly or not. */
function errorClasses(): Set<string> {
  const parents = new Map(
    sources.flatMap(({ text }) =>
      [...text.matchAll(/class (\w+) extends (\w+)/g)].map((match): [string, string] => [match[1]!, match[2]!]),
    ),
  );
  const known = new Set(['MelfError']);
  for (let before = 0; before !== known.size; ) {
    before = known.size;
    for (const [name, parent] of parents) if (known.has(parent)) known.add(name);
  }
  return known;
}

/** Every code that is written out where an error is made or a problem of a link is told. */
function codesIn(): { file: string; code: string }[] {
  const classes = [...errorClasses()].join('|');
  const made = new RegExp(`(?:new (?:${classes})|diagnostics\\.(?:error|warn))\\(\\s*'([^']+)'`, 'g');
  return sources.flatMap(({ file, text }) => [...text.matchAll(made)].map((match) => ({ file, code: match[1]! })));
}

describe('error codes', () => {
  const codes = codesIn();

  it('are found', () => {
    assert.ok(codes.length > 150, `only ${codes.length} found`);
  });

  it('are an area and what is wrong, in small letters: "link.undefined-symbol"', () => {
    const wrong = codes.filter(({ code }) => !/^[a-z][a-z-]*\.[a-z][a-z0-9-]*$/.test(code));
    assert.deepEqual(wrong, []);
  });

  it('are of an area that the guide knows', () => {
    const guide = readFileSync(join(projectRoot, 'docs/guide.md'), 'utf8');
    const section = guide.slice(guide.indexOf('## Errors'));
    const areas = new Set(
      [...section.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \|/gm)].flatMap((row) => row[1]!.match(/[a-z-]+/g) ?? []),
    );
    const unknown = codes.filter(({ code }) => !areas.has(code.split('.')[0]!));
    assert.deepEqual(unknown, []);
  });
});
