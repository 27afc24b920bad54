import assert from 'node:assert/strict';
import type { Isa } from './isa/isa.ts';
import { Deadlock, LimitReached, Machine, type MachineOptions } from './machine.ts';
import { loadMachine } from './scheduler/machine-description.ts';
import { TINY_CODE, TINY_DATA, tinyProgram } from './tests/tiny-program.ts';

/** Assembly that makes a system call; arguments are immediates. */
const call: Record<Isa, (number: number, ...args: number[]) => string> = {
  'x86-64': (number, ...args) =>
    [
      ...args.map((value, index) => `mov ${['rdi', 'rsi', 'rdx', 'r10', 'r8', 'r9'][index]}, ${value}`),
      `mov rax, ${number}`,
      'syscall',
    ].join('\n'),
  aarch64: (number, ...args) =>
    [
      ...args.map((value, index) => `movz x${index}, #${value & 0xffff}\nmovk x${index}, #${value >>> 16}, lsl #16`),
      `mov x8, #${number}`,
      'svc #0',
    ].join('\n'),
};
const numbers = {
  'x86-64': { exit: 60, exitGroup: 231, futex: 202, fork: 57, nanosleep: 35, yield: 24, ioUring: 425 },
  aarch64: { exit: 93, exitGroup: 94, futex: 98, fork: 220, nanosleep: 101, yield: 124, ioUring: 425 },
} as const;
const loop = { 'x86-64': 'here: jmp here', aarch64: 'here: b here' } as const;

async function machineOf(isa: Isa, options: Partial<MachineOptions> = {}): Promise<Machine> {
  return Machine.create({ description: loadMachine('uniform-2', isa), ramBytes: 64 * 2 ** 20, ...options });
}

for (const isa of ['x86-64', 'aarch64'] as const) {
  const n = numbers[isa];
  const sys = call[isa];
  describe(`Machine (${isa})`, () => {
    it("gives the program's exit code", async () => {
      const machine = await machineOf(isa);
      const process = machine.spawn(await tinyProgram(isa, sys(n.exitGroup, 42)), { argv: ['p'] });
      const { reason, instructions } = machine.run();
      assert.equal(reason, 'ended');
      assert.equal(process.exitCode, 42);
      assert.ok(instructions > 2 && instructions < 10);
    });

    it('gives memory back when it is closed, and tells who uses it then', async () => {
      const program = await tinyProgram(isa, sys(n.exitGroup, 0));
      const once = async (): Promise<Machine> => {
        const machine = await machineOf(isa);
        machine.spawn(program, { argv: ['p'] });
        machine.run();
        machine.close();
        return machine;
      };
      const closed = await once();
      assert.ok(closed.kernel.scheduler.instructions > 2);
      assert.throws(() => closed.run(), { code: 'machine.over' });
      for (let i = 0; i < 10; i++) await once();
      const before = process.memoryUsage().rss;
      for (let i = 0; i < 60; i++) {
        await once();
        await new Promise(setImmediate); // Node frees what addons hold between two turns of its loop
      }
      const growth = (process.memoryUsage().rss - before) / 2 ** 20;
      assert.ok(growth < 150, `60 machines took ${growth.toFixed(0)} MiB`); // 7 MB each without
    });

    it('ends an endless loop at its limit of instructions, exactly', async () => {
      const machine = await machineOf(isa, { costModel: 'count' });
      machine.spawn(await tinyProgram(isa, loop[isa]), { argv: ['p'] });
      assert.throws(() => machine.run({ maxInstructions: 100_000 }), LimitReached);
      assert.equal(machine.kernel.scheduler.instructions, 100_000);
    });

    it('ends an endless loop at its limit of virtual time, and can go on after `until`', async () => {
      const machine = await machineOf(isa);
      machine.spawn(await tinyProgram(isa, loop[isa]), { argv: ['p'] });
      assert.equal(machine.run({ until: 5e6 }).reason, 'until');
      assert.ok(machine.time >= 5e6 && machine.time < 5.1e6);
      assert.throws(() => machine.run({ maxTime: 20e6 }), { constructor: LimitReached, code: 'machine.limit' });
      assert.ok(machine.time >= 20e6 && machine.time < 20.1e6);
    });

    it('reports a deadlock with what each thread waits for', async () => {
      const machine = await machineOf(isa);
      machine.spawn(await tinyProgram(isa, sys(n.futex, 0x600010, 128, 0, 0)), { argv: ['p'] });
      assert.throws(
        () => machine.run(),
        (error: unknown) =>
          error instanceof Deadlock && /thread 1000 \(p\) waits: futex 0x600010/.test(String(error.facts.threads)),
      );
      assert.equal(machine.run({ whenIdle: 'return' }).reason, 'idle');
    });

    it('names a call that nobody implements once, counts it, and gives ENOSYS', async () => {
      const remarks: string[] = [];
      const machine = await machineOf(isa, {
        console: { stdout() {}, stderr() {}, remark: (message) => remarks.push(message) },
      });
      const twice = `${sys(n.ioUring, 1, 0)}\n${sys(n.ioUring, 1, 0)}`;
      const negated =
        isa === 'x86-64' ? 'neg rax\nmov rdi, rax\nmov rax, 231\nsyscall' : 'neg x0, x0\nmov x8, #94\nsvc #0';
      const process = machine.spawn(await tinyProgram(isa, `${twice}\n${negated}`), { argv: ['p'] });
      machine.run();
      assert.equal(process.exitCode, 38);
      assert.deepEqual([...machine.kernel.unimplemented], [['io_uring_setup', 2]]);
      assert.equal(remarks.length, 1);
      assert.match(remarks[0]!, /io_uring_setup/);
    });

    it('dies by SIGSEGV with a report of where it was', async () => {
      const machine = await machineOf(isa);
      const store =
        isa === 'x86-64'
          ? 'mov rbx, 0x12340\nmov [rbx+8], eax'
          : 'mov x1, #0x2340\nmovk x1, #1, lsl #16\nstr w0, [x1, #8]';
      const process = machine.spawn(await tinyProgram(isa, store), { argv: ['p'] });
      machine.run();
      assert.equal(process.exitCode, 139);
      const crash = process.end?.crash;
      assert.equal(crash?.signal, 'SIGSEGV');
      assert.equal(crash?.address, 0x12348);
      assert.equal(crash?.access, 'write');
      assert.ok(crash !== undefined && crash.pc > TINY_CODE && crash.pc < TINY_CODE + 32);
    });

    it('shows virtual time in the hardware counter, the same in every run', async () => {
      const read =
        isa === 'x86-64'
          ? 'rdtsc; mov [0x600000], eax; rdtsc; mov [0x600004], eax'
          : 'mov x1, #0x600000; mrs x0, cntvct_el0; str w0, [x1]; mrs x0, cntvct_el0; str w0, [x1, #4]';
      const readings = [];
      for (let run = 0; run < 2; run++) {
        const machine = await machineOf(isa);
        const { space } = machine.spawn(await tinyProgram(isa, `${read}; ${loop[isa]}`), { argv: ['p'] });
        machine.run({ until: 1e6 });
        const memory = space.userMemory(0);
        readings.push([memory.u32(TINY_DATA), memory.u32(TINY_DATA + 4)]);
      }
      assert.deepEqual(readings[0], readings[1]);
      assert.ok(readings[0]![1]! > readings[0]![0]! && readings[0]![1]! < 1e6, `${readings[0]}`);
    });

    it('runs programs without privileges', async () => {
      const machine = await machineOf(isa);
      const privileged = isa === 'x86-64' ? 'cli' : 'msr daifset, #2';
      const process = machine.spawn(await tinyProgram(isa, privileged), { argv: ['p'] });
      machine.run();
      assert.equal(process.end?.crash?.signal, isa === 'x86-64' ? 'SIGSEGV' : 'SIGILL');
    });

    it('counts entries into watched blocks', async () => {
      const machine = await machineOf(isa);
      const program =
        isa === 'x86-64'
          ? `mov rbx, 5
             again: call f
             dec rbx
             jnz again
             ${sys(n.exitGroup, 0)}
             .align 16
             f: ret`
          : `mov x19, #5
             again: bl f
             subs x19, x19, #1
             b.ne again
             ${sys(n.exitGroup, 0)}
             .align 4
             f: ret`;
      const elf = await tinyProgram(isa, program);
      const f = TINY_CODE + elf.length - 0x1000 - (isa === 'x86-64' ? 1 : 4);
      const counters = machine.kernel.watchBlocks(0, [f, TINY_CODE, TINY_CODE + 1]);
      machine.spawn(elf, { argv: ['p'] });
      machine.run();
      assert.deepEqual([...counters.read()], [5, 1, 0]);
    });

    it('lets threads of one CPU take turns', async () => {
      const machine = await machineOf(isa, { description: loadMachine('uniform-1', isa) });
      const spinning = await tinyProgram(isa, loop[isa]);
      const [a, b] = [machine.spawn(spinning, { argv: ['a'] }), machine.spawn(spinning, { argv: ['b'] })];
      machine.run({ until: 30e6 });
      const [one, two] = [a!.cpuTime, b!.cpuTime];
      assert.ok(Math.abs(one - two) < 3e6, `${one} ${two}`);
      assert.ok(machine.kernel.scheduler.contextSwitches > 20);
    });

    it('spreads threads over the CPUs and keeps their clocks together', async () => {
      const machine = await machineOf(isa);
      const spinning = await tinyProgram(isa, loop[isa]);
      machine.spawn(spinning, { argv: ['a'] });
      machine.spawn(spinning, { argv: ['b'] });
      machine.run({ until: 10e6 });
      const clocks = machine.kernel.scheduler.cpus.map((cpu) => cpu.clock);
      assert.equal(machine.kernel.scheduler.contextSwitches, 0);
      assert.ok(Math.abs(clocks[0]! - clocks[1]!) <= machine.kernel.scheduler.lookahead + 100);
    });
  });
}
