// The linker against others: whole processes on the same objects, by CPU time (the host may be busy).
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, run } from '../base/command.ts';
import { linkOptionsOf } from '../scenarios/memcached-profiling/executable.ts';
import { buildSqlite } from '../scenarios/sqlite-assertions/build.ts';
import { cache, hashOf } from '../setup/cache.ts';
import { note } from '../setup/progress.ts';
import { projectRoot } from '../setup/project.ts';
import { ensureToolchain, type Toolchain } from '../setup/toolchain.ts';
import { ensurePackages } from '../setup/unpacked-packages.ts';
import { BenchError, runHost } from './measure.ts';
import { judged, median, type Row, type RowId } from './row.ts';

const rounds = 9;
/** Objects of the large program together, bytes. */
const largeSize = 20e6;

interface Linker {
  readonly name: string;
  readonly command: readonly string[];
}

const ours: Linker = { name: 'melf link', command: [join(projectRoot, 'setup/melf.cjs'), 'link'] };

/** What to link: operands that all linkers understand, and what more ours is told. */
interface Job {
  readonly operands: readonly string[];
  readonly flags?: readonly string[];
  readonly ourFlags?: readonly string[];
  /** What the linked program prints; absent: it is not run. */
  readonly prints?: string;
}

/** One link in a process of its own; gives its CPU seconds. */
function linkOnce({ name, command }: Linker, job: Job, folder: string): number {
  const output = join(folder, 'out');
  const list = join(folder, 'operands');
  writeFileSync(list, `${job.operands.join('\n')}\n`);
  const own = command === ours.command ? (job.ourFlags ?? []) : ['-static'];
  const { cpu } = runHost([...command, ...own, ...(job.flags ?? []), '-o', output, `@${list}`]);
  if (job.prints === undefined || process.arch !== 'x64') return cpu;
  const printed = runHost([output]).output;
  if (printed !== job.prints) {
    throw new BenchError('bench.link', `What ${name} linked prints something else`, {
      facts: { printed, expected: job.prints },
    });
  }
  return cpu;
}

interface Times {
  readonly ours: number;
  readonly peers: readonly number[];
  readonly ratios: readonly number[];
}

function compare(job: Job, peers: readonly Linker[]): Times {
  const folder = mkdtempSync(join(tmpdir(), 'melf-bench-'));
  try {
    linkOnce(ours, job, folder); // makes the bundle
    const times = [ours, ...peers].map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, linker] of [ours, ...peers].entries()) times[i]!.push(linkOnce(linker, job, folder));
    }
    const [own = [], ...others] = times;
    return {
      ours: median(own),
      peers: others.map(median),
      ratios: others.map((list) => median(own.map((seconds, round) => seconds / Math.max(list[round]!, 0.001)))),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const bfd = (): Linker => {
  const program = findProgram('ld.bfd');
  if (program === undefined) {
    throw new BenchError('bench.no-peer', 'ld.bfd is not on this machine', { hint: 'Install binutils.' });
  }
  return { name: 'ld.bfd', command: [program] };
};

/** lld from PATH or from its package; undefined, with a line that says why, where it cannot be had. */
async function lld(): Promise<Linker | undefined> {
  const found = findProgram('ld.lld');
  if (found !== undefined) return { name: 'ld.lld', command: [found] };
  try {
    const root = await ensurePackages(cache, {
      name: 'lld',
      label: 'fetched lld to compare with',
      architecture: 'amd64',
      packages: ['lld'],
      withDependency: (name) => /^(lld-\d+|libllvm\d+|libedit2|libz3-4|libbsd0|libmd0|libxml2|libicu\d+)$/.test(name),
    });
    const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
    const llvm = readdirSync(join(root, 'usr/lib')).find((name) => name.startsWith('llvm-'));
    const command = ['env', `LD_LIBRARY_PATH=${libraries}`, join(root, `usr/lib/${llvm}/bin/ld.lld`)];
    await run([...command, '--version']);
    return { name: 'ld.lld', command };
  } catch (error) {
    note(`no comparison with lld: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function around(objects: readonly string[], { crt, libc, libgcc }: Toolchain): string[] {
  return [crt.crt1, crt.crti, ...objects, libc, libgcc, crt.crtn];
}

async function sqliteMain(toolchain: Toolchain): Promise<string> {
  const source = join(import.meta.dirname, 'guest/sqlite-main.c');
  const key = hashOf(['sqlite-main', toolchain.hash, readFileSync(source)]);
  const entry = await cache.entry('bench', key, async (temporary) => {
    await run([...toolchain.cc, '-O2', '-fno-pie', '-c', source, '-o', join(temporary, 'main.o')]);
  });
  return join(entry, 'main.o');
}

/** Copies of SQLite under other names until there is enough: functions, data, strings and unwind tables as real programs have them. */
async function largeObjects(object: string, toolchain: Toolchain): Promise<string[]> {
  const count = Math.ceil(largeSize / statSync(object).size);
  const key = hashOf(['large', `${count}`, readFileSync(object)]);
  const entry = await cache.entry('bench', key, async (temporary) => {
    const nm = toolchain.objcopy.replace(/objcopy$/, 'nm');
    const names = (await run([nm, '-g', '--defined-only', '-f', 'posix', object]))
      .split('\n')
      .map((line) => line.split(' ')[0]!)
      .filter((name) => name !== '');
    for (let i = 0; i < count; i++) {
      const list = join(temporary, 'names');
      writeFileSync(list, names.map((name) => `${name} ${i === 0 ? name : `copy${i}_${name}`}\n`).join(''));
      await run([toolchain.objcopy, `--redefine-syms=${list}`, object, join(temporary, `copy${i}.o`)]);
    }
  });
  return Array.from({ length: count }, (_, i) => join(entry, `copy${i}.o`));
}

/** The rows among `wanted` that time whole link processes. */
export async function linkProcesses(wanted: ReadonlySet<RowId>): Promise<Row[]> {
  const rows: Row[] = [];
  const toolchain = await ensureToolchain('x86-64');
  const second = async (job: Job, id: 'link-sqlite' | 'link-large', what: string, below: number): Promise<void> => {
    const other = wanted.has(`${id}-lld`) ? await lld() : undefined;
    const times = compare(job, other === undefined ? [bfd()] : [bfd(), other]);
    const base = { what, ours: times.ours, unit: 'CPU s' };
    rows.push(judged(id, { ...base, peer: times.peers[0]!, ratio: times.ratios[0]!, below }));
    if (other === undefined) return;
    rows.push(judged(`${id}-lld`, { ...base, peer: times.peers[1]!, ratio: times.ratios[1]! }));
  };
  if (wanted.has('link-memcached-process')) {
    const { inputs } = await linkOptionsOf('plain', 'x86-64');
    const { ours: seconds, peers } = compare({ operands: inputs.map(({ path }) => path), flags: ['--gc-sections'] }, [
      bfd(),
    ]);
    const what = 'linking memcached, libevent and libc, one variant, the whole process';
    rows.push(judged('link-memcached-process', { what, ours: seconds, peer: peers[0]!, unit: 'CPU s', below: 0.4 }));
  }
  if (!wanted.has('link-sqlite') && !wanted.has('link-large') && !wanted.has('link-sqlite-two')) return rows;
  const { objects } = await buildSqlite('x86-64');
  const main = await sqliteMain(toolchain);
  const prints = '42\n';
  if (wanted.has('link-sqlite')) {
    const job = { operands: around([main, objects.plain], toolchain), flags: ['--gc-sections'], prints };
    await second(job, 'link-sqlite', 'linking SQLite and libc, the whole process, against ld', 3);
  }
  if (wanted.has('link-large')) {
    const copies = await largeObjects(objects.plain, toolchain);
    const size = copies.reduce((sum, path) => sum + statSync(path).size, 0) / 1e6;
    const what = `linking ${size.toFixed(0)} MB of objects, the whole process, against ld`;
    await second({ operands: around([main, ...copies], toolchain), prints }, 'link-large', what, 1.5);
  }
  if (wanted.has('link-sqlite-two')) {
    const folder = mkdtempSync(join(tmpdir(), 'melf-bench-'));
    try {
      const lists = (['noassert', 'assert'] as const).map((name) => {
        // The variants' units pair by file name.
        const copy = join(folder, name, 'sqlite3.o');
        return [name, copy, objects[name]] as const;
      });
      for (const [, copy, original] of lists) await run(['install', '-D', '-m', '644', original, copy]);
      const job = {
        operands: around([main], toolchain),
        flags: ['--gc-sections'],
        ourFlags: lists.flatMap(([name, copy]) => ['--variant', `${name}:${copy}`]),
        prints,
      };
      const { ours: seconds } = compare(job, []);
      const what = 'linking SQLite in two variants and libc, the whole process';
      rows.push(judged('link-sqlite-two', { what, ours: seconds, unit: 'CPU s', below: 1 }));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return rows;
}
