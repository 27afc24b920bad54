import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { defineCommand } from 'citty';
import Mocha from 'mocha';
import pc from 'picocolors';
import { integerValue, parseCommandLine, UsageError } from '../base/arguments.ts';
import { CommandError, run } from '../base/command.ts';
import { ensureEngine } from '../setup/engine.ts';
import { step } from '../setup/progress.ts';
import { projectRoot } from '../setup/project.ts';
import { ensureSource } from '../setup/sources.ts';
import { ensureToolchain } from '../setup/toolchain.ts';
import { formatError } from './report-error.ts';
import { watchdogHooks } from './test-watchdog.ts';

const command = defineCommand({
  meta: {
    name: 'melf test',
    description: 'Lint, type check and run the tests; with a PATH or --grep only those tests',
  },
  args: {
    full: { type: 'boolean', description: 'Also the long tests (*.full.test.ts)' },
    jobs: {
      type: 'string',
      description: 'Test files that run at once (default: as many as there are CPUs; 1: as they go, output at once)',
    },
    grep: { type: 'string', alias: 'g', description: 'Only tests whose title matches this' },
    path: { type: 'positional', required: false, description: 'Test files or folders' },
  },
});

const testFolders = ['base', 'setup', 'emulator', 'linker', 'overlay', 'scenarios', 'bench', 'cli', 'tests'];

/** Milliseconds for one test that sets no limit of its own: enough to compile and run a small guest program on a busy machine. */
const testTimeout = 60_000;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

function testFilesBelow(path: string, full: boolean): string[] {
  const isTest = (name: string): boolean => name.endsWith('.test.ts') && (full || !name.endsWith('.full.test.ts'));
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter(isTest)
    .sort()
    .map((name) => join(path, name));
}

/** Everything the tests may need from outside, so that no test waits for a download. */
async function setUp(): Promise<void> {
  await ensureEngine();
  await ensureToolchain('x86-64');
  await ensureToolchain('aarch64');
  await ensureSource('memcached');
  await ensureSource('libevent');
}

/** A check of the whole tree by a tool: it counts as one test. */
async function check(label: string, argv: readonly string[], counts: Counts): Promise<void> {
  try {
    await step(label, () => run(argv, { cwd: projectRoot }));
    counts.passed++;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    counts.failed++;
    process.stdout.write(`${error.output.trimEnd()}\n`);
  }
}

interface Choice {
  readonly grep: string | undefined;
  readonly jobs: number;
}

/** Processes of the parallel mode read their root hooks from a file. */
const workerModule = join(projectRoot, 'cli', 'test-worker.ts');

const isLong = (file: string): boolean => file.endsWith('.full.test.ts');

/**
 * Runs test files, with several jobs each in a process of its own: most tests wait for a compiler or for one emulated program. A
 * file that cannot be loaded, or whose process dies or has to be ended, is one failure and does not take the others' tests with it.
 */
async function runMocha(files: readonly string[], { grep, jobs }: Choice, counts: Counts): Promise<void> {
  const parallel = jobs > 1 && files.length > 1;
  const mocha = new Mocha({
    timeout: testTimeout,
    color: pc.isColorSupported,
    ...(grep === undefined ? {} : { grep: new RegExp(grep) }),
    ...(parallel ? { parallel, jobs, require: [workerModule] } : { rootHooks: watchdogHooks() }),
  });
  if (parallel) {
    // The long ones first, so that none of them is alone at the end.
    mocha.files = [...files].sort((a, b) => Number(isLong(b)) - Number(isLong(a)));
  } else {
    for (const file of files) {
      mocha.files = [file];
      try {
        await mocha.loadFilesAsync();
      } catch (error) {
        counts.failed++;
        process.stderr.write(`${relative(projectRoot, file)} cannot be loaded\n${formatError(error, true)}\n`);
      }
    }
  }
  await new Promise<void>((done) => {
    const runner = mocha.run(() => done());
    runner.on('pass', () => counts.passed++);
    runner.on('fail', (_, error: Error & { file?: string }) => {
      counts.failed++;
      // Mocha shows the first of these alone, and no file.
      if (error.file !== undefined)
        process.stderr.write(`${relative(projectRoot, error.file)} did not run to its end: ${error.message}\n`);
    });
    runner.on('pending', () => counts.skipped++);
  });
}

const tool = (name: string): string => join(projectRoot, 'node_modules', '.bin', name);

function chosenFiles(paths: readonly string[], full: boolean): string[] {
  if (paths.length === 0) {
    const folders = testFolders.map((name) => join(projectRoot, name)).filter((path) => existsSync(path));
    return folders.flatMap((path) => testFilesBelow(path, full));
  }
  return paths.flatMap((given) => {
    const path = resolve(given);
    if (!existsSync(path))
      throw new UsageError('cli.no-file', `There is no ${given}`, { hint: 'Give test files or folders.' });
    return testFilesBelow(path, full);
  });
}

/** `melf test`: set-up, lint and format, types, tests; ends with the line `N passed, N failed, N skipped`. */
export async function main(args: string[]): Promise<number> {
  const line = await parseCommandLine(command, args, { rest: 'allow' });
  if (line === undefined) return 0;
  const { full = false, grep } = line.args;
  const jobs = line.args.jobs === undefined ? availableParallelism() : integerValue('--jobs', line.args.jobs, 1, 64);
  const paths = line.args._;
  const files = chosenFiles(paths, full);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    await setUp();
    if (paths.length === 0 && grep === undefined) {
      await check('lint and format', [tool('biome'), 'check', '--error-on-warnings', '.'], counts);
      await check('types', [tool('tsc'), '-p', '.'], counts);
    }
    await runMocha(files, { grep, jobs }, counts);
  } catch (error) {
    // The set-up failed: that is one failure, and the closing line is still owed.
    process.stderr.write(`${formatError(error, false)}\n`);
    counts.failed++;
  }
  if (counts.passed + counts.failed === 0)
    process.stderr.write(
      `no test ran (${files.map((file) => relative(projectRoot, file)).join(', ') || 'no test files'})\n`,
    );
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}
