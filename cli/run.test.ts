import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tinyElf, tinyProgram } from '../emulator/tests/tiny-program.ts';
import { buildVariants } from '../overlay/tests/variants.ts';
import { runMelf } from './tests/melf.ts';

describe('melf run', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-run-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const melf = (...args: string[]) => {
    const result = runMelf('run', ...args);
    assert.ok(!result.stderr.includes('    at '), `a stack trace:\n${result.stderr}`);
    return result;
  };
  const write = 'mov rax, 1; mov rdi, 1; mov rsi, rsp; add rsi, 8; mov rsi, [rsi]; mov rdx, 5; syscall; ';

  it("passes arguments and gives the guest's output and exit code", async () => {
    const program = file(
      'echo',
      await tinyProgram('x86-64', `${write.replace('add rsi, 8', 'add rsi, 16')} mov rdi, 3; mov rax, 231; syscall`),
    );
    const { stdout, status } = melf('--seed', '2', program, 'hello', '--seed');
    assert.equal(stdout, 'hello');
    assert.equal(status, 3);
  });

  it('finds the ISA, writes a trace and statistics', async () => {
    const program = file('arm', await tinyProgram('aarch64', 'mov x0, #4; mov x8, #94; svc #0'));
    const trace = join(folder, 'trace.json');
    const { status, stderr } = melf('--stats', '--trace', trace, program);
    assert.equal(status, 4);
    assert.match(stderr, /instructions {2}3\n/);
    assert.ok(Array.isArray(JSON.parse(readFileSync(trace, 'utf8')).traceEvents));
  });

  it('tells a crash, an endless loop, a deadlock and a damaged file apart, each with a hint', async () => {
    const crash = melf(file('crash', await tinyProgram('x86-64', 'mov rax, 0x1230; mov [rax], eax')));
    assert.equal(crash.status, 139);
    assert.match(crash.stderr, /died by SIGSEGV at 0x40100.*\n {2}write of 0x1230/);
    assert.match(crash.stderr, /hint: melf addr2line/);
    const endless = melf('--max-instructions', '1000', file('loop', await tinyProgram('x86-64', 'x: jmp x')));
    assert.equal(endless.status, 1);
    assert.match(endless.stderr, /machine\.limit\][\s\S]*hint:/);
    const stuck = melf(file('stuck', await tinyProgram('x86-64', 'mov rax, 34; syscall')));
    assert.equal(stuck.status, 1);
    assert.match(stuck.stderr, /machine\.deadlock\][\s\S]*waits: pause[\s\S]*hint:/);
    const damaged = melf(file('damaged', tinyElf('x86-64', new Uint8Array(100)).subarray(0, 4100)));
    assert.equal(damaged.status, 1);
    assert.match(damaged.stderr, /truncated[\s\S]*hint:/);
    assert.equal(melf(join(folder, 'missing')).status, 2);
    assert.equal(melf('--cpus', 'many', file('any', tinyElf('x86-64', new Uint8Array(4)))).status, 2);
  });

  it('chooses from outside what a program with libmelf executes, and tells that its own switches are only noted', async () => {
    const program = await buildVariants('x86-64', folder, {
      source: 'own-switches.c',
      variants: ['plain', 'checked'],
      link: { pageAlign: ['work', 'other'] },
    });
    const calls = (stderr: string) => /^calls (\d+) (\d+)$/m.exec(stderr)?.slice(1).map(Number);
    const calm = melf(program);
    assert.equal(calm.status, 0, calm.stderr);
    assert.doesNotMatch(calm.stderr, /noted/);
    const chaos = melf('--chaos-switch', '1', program);
    assert.equal(chaos.status, 0, chaos.stderr);
    assert.equal(chaos.stdout, calm.stdout);
    assert.match(chaos.stderr, /switches that the program asks for are only noted: --chaos-switch chooses/);
    assert.match(chaos.stderr, /chaos: \d+ switches/);
    const mixed = melf('--function', 'work=checked', program);
    assert.equal(mixed.stdout, calm.stdout);
    assert.match(mixed.stderr, /only noted: --function chooses/);
    assert.equal(calls(mixed.stderr)?.[0], 0, 'work is checked all the time');
    const start = melf('--variant', 'checked', program);
    const started = melf('--variant', 'checked', '--chaos-switch', '2', program);
    assert.match(start.stdout, /^start: in 1/m);
    assert.equal(started.stdout, start.stdout);
  });
});
