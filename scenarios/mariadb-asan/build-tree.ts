// The patched source tree. It stays where it is between builds, and only files whose contents change are written: what is built from it is
// a long work, of which a change of the patch shall cost little.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from '../../base/command.ts';
import { cache, hashOf } from '../../setup/cache.ts';
import { applyPatch, type Source } from '../../setup/sources.ts';

const patchFolder = join(import.meta.dirname, 'patches');
const libmelfHeader = join(import.meta.dirname, '../../overlay/guest/libmelf/melf.h');

/** Path in the tree to contents, of all that is not the package's own. */
type Changes = ReadonlyMap<string, Uint8Array>;

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

const patches = (): string[] =>
  readdirSync(patchFolder)
    .filter((name) => name.endsWith('.patch'))
    .sort()
    .map((name) => join(patchFolder, name));

/** The files that a unified diff changes. */
export function patchedFiles(diff: string): string[] {
  return [...diff.matchAll(/^\+\+\+ b\/(\S+)/gm)].map((match) => match[1]!);
}

/** Changes when anything of ours in the tree does. */
export function changesHash(): string {
  const own = [...patches(), ...filesBelow(join(patchFolder, 'plugin')), libmelfHeader];
  return hashOf(own.flatMap((file) => [relative(patchFolder, file), readFileSync(file)]));
}

async function changesOf(source: Source): Promise<Changes> {
  const changes = new Map<string, Uint8Array>();
  for (const file of filesBelow(join(patchFolder, 'plugin')))
    changes.set(relative(patchFolder, file), readFileSync(file));
  changes.set('plugin/melf/melf.h', readFileSync(libmelfHeader));
  const names = [...new Set(patches().flatMap((patch) => patchedFiles(readFileSync(patch, 'utf8'))))];
  await cache.withTemporary(async (folder) => {
    for (const name of names) cpSync(join(source.folder, name), join(folder, name));
    for (const patch of patches()) await applyPatch(folder, patch);
    for (const name of names) changes.set(name, readFileSync(join(folder, name)));
  });
  return changes;
}

/** Replaces a file: the old one may be the very file of the shared tree, by a hard link. */
function replace(file: string, contents: Uint8Array): void {
  if (existsSync(file) && readFileSync(file).equals(contents)) return;
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, contents);
}

/** Makes `tree` what the source and our changes say, with hard links to all files that are as they were. */
export async function updateTree(source: Source, tree: string): Promise<void> {
  const record = `${tree}.json`;
  const state = { sha256: source.sha256, changed: [] as string[] };
  const known = existsSync(record) ? (JSON.parse(readFileSync(record, 'utf8')) as typeof state) : undefined;
  if (known?.sha256 !== source.sha256 || !existsSync(tree)) {
    rmSync(tree, { recursive: true, force: true });
    mkdirSync(dirname(tree), { recursive: true });
    await run(['cp', '-al', source.folder, `${tree}.draft`]);
    await run(['mv', `${tree}.draft`, tree]);
  }
  const changes = await changesOf(source);
  for (const [name, contents] of changes) replace(join(tree, name), contents);
  for (const name of known?.changed ?? []) {
    if (changes.has(name)) continue;
    const original = join(source.folder, name);
    if (existsSync(original)) replace(join(tree, name), readFileSync(original));
    else rmSync(join(tree, name), { force: true });
  }
  writeFileSync(record, JSON.stringify({ ...state, changed: [...changes.keys()] }));
}
