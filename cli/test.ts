import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { defineCommand } from 'citty';
import Mocha from 'mocha';
import pc from 'picocolors';
import { parseCommandLine, UsageError } from '../base/arguments.ts';
import { CommandError, run } from '../base/command.ts';
import { ensureEngine } from '../setup/engine.ts';
import { step } from '../setup/progress.ts';
import { projectRoot } from '../setup/project.ts';
import { ensureSource } from '../setup/sources.ts';
import { ensureToolchain } from '../setup/toolchain.ts';
import { formatError } from './report-error.ts';

const command = defineCommand({
  meta: {
    name: 'melf test',
    description: 'Lint, type check and run the tests; with a PATH or --grep only those tests',
  },
  args: {
    full: { type: 'boolean', description: 'Also the long tests (*.full.test.ts)' },
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

async function runMocha(files: readonly string[], grep: string | undefined, counts: Counts): Promise<void> {
  const mocha = new Mocha({
    timeout: testTimeout,
    color: pc.isColorSupported,
    ...(grep === undefined ? {} : { grep: new RegExp(grep) }),
  });
  for (const file of files) {
    // One at a time: a file that cannot be loaded is one failure and does not take the others' tests with it.
    mocha.files = [file];
    try {
      await mocha.loadFilesAsync();
    } catch (error) {
      counts.failed++;
      process.stderr.write(`${relative(projectRoot, file)} cannot be loaded\n${formatError(error, true)}\n`);
    }
  }
  await new Promise<void>((done) => {
    const runner = mocha.run(() => done());
    runner.on('pass', () => counts.passed++);
    runner.on('fail', () => counts.failed++);
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
  const paths = line.args._;
  const files = chosenFiles(paths, full);
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    await setUp();
    if (paths.length === 0 && grep === undefined) {
      await check('lint and format', [tool('biome'), 'check', '--error-on-warnings', '.'], counts);
      await check('types', [tool('tsc'), '-p', '.'], counts);
    }
    await runMocha(files, grep, counts);
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
