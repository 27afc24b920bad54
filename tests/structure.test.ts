// Data goes one way through the folders, and so do imports. The order is the table below; a new folder needs its place in it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { preProcessFile } from 'typescript';
import { projectRoot } from '../setup/project.ts';

/** Folders and files, each with what may import only from itself and from those before it. */
const layers = [
  'base',
  'setup',
  'linker',
  'linker/cc',
  // The machine, from the engine up.
  'emulator/errno.ts',
  'emulator/native',
  'emulator/memory',
  'emulator/isa',
  'emulator/timing',
  'emulator/events',
  'emulator/core',
  'emulator/scheduler',
  'emulator/linux',
  'emulator',
  'overlay',
  'scenarios/runner',
  'scenarios',
  'bench',
  'cli',
];

interface Import {
  readonly from: string;
  readonly to: string;
}

const folders = [...new Set(layers.map((layer) => layer.split('/')[0]!))];

const isTest = (file: string): boolean => /\.test\.ts$|(^|\/)tests\//.test(file);

const sourcesBelow = (folder: string): string[] =>
  readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith('.ts') && !isTest(file))
    .sort();

const layerOf = (path: string): string | undefined =>
  layers.filter((layer) => path === layer || path.startsWith(`${layer}/`)).sort((a, b) => b.length - a.length)[0];

function importsOf(file: string): Import[] {
  const { importedFiles } = preProcessFile(readFileSync(join(projectRoot, file), 'utf8'), true, true);
  return importedFiles
    .filter(({ fileName }) => fileName.startsWith('.'))
    .map(({ fileName }) => ({ from: file, to: relative(projectRoot, resolve(projectRoot, dirname(file), fileName)) }));
}

const scenarioOf = (file: string): string | undefined => /^scenarios\/(?!runner\/)([^/]+)\//.exec(file)?.[1];

describe('the structure', () => {
  // Tests are free: they may build a guest program with whatever there is.
  const sources = folders.flatMap(sourcesBelow);
  const imports = sources.flatMap(importsOf);
  const shown = (wrong: readonly Import[]): string[] => wrong.map(({ from, to }) => `${from} imports ${to}`);

  it('is known: every file has its place in the order', () => {
    assert.ok(imports.length > 1000, `only ${imports.length} imports found`);
    assert.deepEqual(
      sources.filter((file) => layerOf(file) === undefined),
      [],
    );
  });

  it('lets nobody import from what comes after it', () => {
    const place = (file: string): number => layers.indexOf(layerOf(file) ?? '');
    assert.deepEqual(shown(imports.filter(({ from, to }) => place(to) > place(from))), []);
  });

  it('keeps scenarios apart: what two of them need is in scenarios/runner', () => {
    const foreign = ({ from, to }: Import): boolean =>
      scenarioOf(from) !== undefined && scenarioOf(to) !== undefined && scenarioOf(from) !== scenarioOf(to);
    assert.deepEqual(shown(imports.filter(foreign)), []);
  });

  it('keeps tests and their fixtures out of the program', () => {
    assert.deepEqual(shown(imports.filter(({ to }) => isTest(to))), []);
  });

  it('has no test that skips without a reason', () => {
    const tests = [...folders, 'tests'].flatMap((folder) =>
      readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => join(folder, name)),
    );
    const silent = /\b(this\.skip\(|(it|describe)\.skip\b)/;
    const self = relative(projectRoot, import.meta.filename);
    assert.ok(tests.length > 100);
    assert.deepEqual(
      tests.filter((file) => file !== self && silent.test(readFileSync(join(projectRoot, file), 'utf8'))),
      [],
    );
  });
});
