import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Stands in for npm: notes that it ran, then makes a node_modules with a tsx that is the real one. */
const fakeNpm = `
const { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync, readFileSync } = require('node:fs');
appendFileSync('npm.log', process.argv.slice(2).join(' ') + '\\n');
if (existsSync('npm-fails')) { console.error('npm error network unreachable'); process.exit(1); }
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules/tsx', { recursive: true });
if (existsSync('npm-dies')) { rmSync('npm-dies'); process.kill(process.ppid, 'SIGKILL'); process.exit(1); }
writeFileSync('node_modules/tsx/package.json', JSON.stringify({ name: 'tsx', version: '1.0.0', type: 'module', exports: './index.js' }));
writeFileSync('node_modules/tsx/index.js', 'import ' + JSON.stringify(REAL_TSX) + ';');
writeFileSync('node_modules/.package-lock.json', readFileSync('package-lock.json'));
`;

const realTsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

describe('the start of every command', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'melf-start-'));
    for (const folder of ['setup', 'cli']) mkdirSync(join(root, folder));
    for (const file of ['start.mjs', 'lock.mjs']) cpSync(join(import.meta.dirname, file), join(root, 'setup', file));
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'melf-sandbox', type: 'module' }));
    lockFile('1.0.0');
    writeFileSync(
      join(root, 'cli', 'main.ts'),
      'const words: string[] = process.argv.slice(2); console.log(words.join(" ")); process.exitCode = words.length;',
    );
    writeFileSync(join(root, 'npm-cli.cjs'), fakeNpm.replace('REAL_TSX', JSON.stringify(realTsx)));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const lockFile = (version: string): void =>
    writeFileSync(
      join(root, 'package-lock.json'),
      JSON.stringify({ packages: { '': {}, 'node_modules/tsx': { version } } }),
    );

  async function start(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const env = { ...process.env, npm_execpath: join(root, 'npm-cli.cjs') };
    const child = spawn(process.execPath, [join(root, 'setup', 'start.mjs'), ...args], { cwd: tmpdir(), env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  const npmRuns = (): number =>
    existsSync(join(root, 'npm.log')) ? readFileSync(join(root, 'npm.log'), 'utf8').split('\n').length - 1 : 0;

  it('installs the node modules once, passes arguments and the exit code on, and is silent the second time', async () => {
    const first = await start('a', 'b');
    assert.deepEqual([first.code, first.stdout], [2, 'a b\n']);
    assert.match(first.stderr, /^· installing node modules \(npm ci\)\n✓ node modules \(\d+\.\d s\)\n$/);
    assert.deepEqual(await start(), { code: 0, stdout: '\n', stderr: '' });
    assert.equal(npmRuns(), 1);
  });

  it('installs once when two commands start at the same time', async () => {
    const both = await Promise.all([start('x'), start('x')]);
    assert.deepEqual(
      both.map(({ code }) => code),
      [1, 1],
    );
    assert.equal(npmRuns(), 1);
  });

  it('installs again after a run that was killed while npm worked', async () => {
    writeFileSync(join(root, 'npm-dies'), '');
    assert.equal((await start()).code, null);
    assert.equal((await start()).code, 0);
    assert.equal(npmRuns(), 2);
  });

  it('installs again when the lock file changed, and not when npm itself already did', async () => {
    await start();
    lockFile('2.0.0');
    await start();
    assert.equal(npmRuns(), 2);
    rmSync(join(root, 'node_modules', '.melf-stamp'));
    assert.equal((await start()).code, 0);
    assert.equal(npmRuns(), 2);
  });

  it('tells why when npm fails, and what to do', async () => {
    writeFileSync(join(root, 'npm-fails'), '');
    const { code, stderr } = await start();
    assert.equal(code, 1);
    assert.match(
      stderr,
      /^· installing node modules \(npm ci\)\nerror: npm ci failed:\n {2}npm error network unreachable\nhint: Check the network/,
    );
    assert.doesNotMatch(stderr, /at .*start\.mjs/);
  });
});

describe('package-lock.json', () => {
  it('has an entry for every optional package, or npm ci refuses it on every machine', () => {
    type Package = { version?: string; optionalDependencies?: Record<string, string> };
    const text = readFileSync(join(import.meta.dirname, '..', 'package-lock.json'), 'utf8');
    const { packages } = JSON.parse(text) as { packages: Record<string, Package> };
    const optional = Object.values(packages).flatMap((one) => Object.keys(one.optionalDependencies ?? {}));
    assert.ok(optional.length > 0);
    assert.deepEqual(
      optional.filter((name) => packages[`node_modules/${name}`]?.version === undefined),
      [],
    );
  });
});
