import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../emulator/errors.ts';
import { projectRoot } from '../../setup/project.ts';
import { runTool } from './process.ts';

const folder = join(projectRoot, 'overlay', 'guest', 'libmelf');

/** The object of libmelf for a compiler; compiled once. */
export function libmelfObject(compiler: readonly string[]): string {
  const hash = createHash('sha256').update(compiler.join('\0'));
  const machine = runTool([...compiler, '-dumpmachine'], { quiet: true }).stdout;
  hash.update(`${machine}${runTool([...compiler, '--version'], { quiet: true }).stdout}`);
  for (const name of readdirSync(folder)
    .filter((one) => /\.[ch]$/.test(one))
    .sort())
    hash.update(readFileSync(join(folder, name)));
  const store = join(projectRoot, '.cache', 'cc');
  const object = join(store, `libmelf-${hash.digest('hex').slice(0, 16)}.o`);
  if (existsSync(object)) return object;
  mkdirSync(store, { recursive: true });
  const draft = `${object}.${process.pid}.o`;
  const flags = [
    '-x',
    'c',
    '-O2',
    '-ffunction-sections',
    '-fdata-sections',
    '-fno-pic',
    '-c',
    join(folder, 'melf.c'),
    '-o',
    draft,
  ];
  const { code, stderr } = runTool([...compiler, ...flags], { quiet: true });
  if (code !== 0) {
    throw new MelfError('cc.libmelf', `libmelf does not compile with ${compiler.join(' ')}`, {
      facts: { output: stderr.trimEnd() },
      hint: 'programs can do without it: [link] libmelf = false',
    });
  }
  renameSync(draft, object);
  return object;
}
