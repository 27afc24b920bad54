import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';
import { projectRoot } from '../../setup/project.ts';
import type { LinkInput } from '../options.ts';
import { runTool } from './process.ts';

const folder = join(projectRoot, 'overlay', 'guest', 'libmelf');

/** So that programs which get libmelf find melf.h: after every folder of their own, which may hold a copy of it. */
export const headerFlags: readonly string[] = ['-idirafter', folder];

const asanFolder = join(projectRoot, 'overlay', 'guest', 'asan');

/** What `asan = true` adds to a variant's flags: checks by calls, of the heap only, since variants share stacks and data. */
export const asanFlags: readonly string[] = [
  '-fsanitize=kernel-address',
  '--param=asan-instrumentation-with-call-threshold=0',
  '--param=asan-stack=0',
  '--param=asan-globals=0',
  '-U__SANITIZE_ADDRESS__',
  '-include',
  join(asanFolder, 'redirect.h'),
];

/** The AddressSanitizer runtime for a compiler; compiled once. */
export function asanObject(compiler: readonly string[]): string {
  const parts = readdirSync(asanFolder).filter((one) => /\.[ch]$/.test(one) && one !== 'asan.c');
  return compiled(
    compiler,
    'asan',
    join(asanFolder, 'asan.c'),
    parts.sort().map((one) => join(asanFolder, one)),
  );
}

/** The objects that a program with variants gets: libmelf, and what leads the unwinder to the right table. */
export function runtimeObjects(compiler: readonly string[]): LinkInput[] {
  const unwind = compiled(compiler, 'unwind', join(projectRoot, 'linker', 'cc', 'unwind.c'), []);
  // A program that never unwinds shall not get libgcc's unwinder for this.
  return [{ path: libmelfObject(compiler) }, { path: unwind, lazy: true }];
}

/** The object of libmelf for a compiler; compiled once. */
export function libmelfObject(compiler: readonly string[]): string {
  const others = readdirSync(folder).filter((one) => /\.[ch]$/.test(one) && one !== 'melf.c');
  return compiled(
    compiler,
    'libmelf',
    join(folder, 'melf.c'),
    others.sort().map((one) => join(folder, one)),
  );
}

/** Position independent, so that one object serves both kinds of executable. */
const FLAGS = ['-x', 'c', '-O2', '-ffunction-sections', '-fdata-sections', '-fPIE'];

function compiled(compiler: readonly string[], name: string, source: string, others: readonly string[]): string {
  const hash = createHash('sha256').update([...compiler, ...FLAGS].join('\0'));
  const machine = runTool([...compiler, '-dumpmachine'], { quiet: true }).stdout;
  hash.update(`${machine}${runTool([...compiler, '--version'], { quiet: true }).stdout}`);
  for (const file of [source, ...others]) hash.update(readFileSync(file));
  const store = join(projectRoot, '.cache', 'cc');
  const object = join(store, `${name}-${hash.digest('hex').slice(0, 16)}.o`);
  if (existsSync(object)) return object;
  mkdirSync(store, { recursive: true });
  const draft = `${object}.${process.pid}.o`;
  const { code, stderr } = runTool([...compiler, ...FLAGS, '-c', source, '-o', draft], { quiet: true });
  if (code !== 0) {
    throw new MelfError('cc.libmelf', `${source} does not compile with ${compiler.join(' ')}`, {
      facts: { output: stderr.trimEnd() },
      hint: 'programs can do without it: [link] libmelf = false',
    });
  }
  renameSync(draft, object);
  return object;
}
