import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { skipBecause } from '../../base/tests/skip.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureGlibc } from '../../setup/glibc.ts';
import type { Isa } from '../../setup/toolchain.ts';
import { ChaosSwitcher } from '../chaos.ts';
import { OverlayManager } from '../manager.ts';
import { outsideManager } from '../manager-setting.ts';
import { runGuest } from './guest.ts';
import { buildVariants, readProgram } from './variants.ts';

/** Runs a program of several variants to its good end; with a seed under the chaos switch. */
async function runUnder(isa: Isa, path: string, seed: number | undefined, env: readonly string[] = []) {
  let [output, errors] = ['', ''];
  let chaos: ChaosSwitcher | undefined;
  const { code } = await runGuest(isa, path, {
    env,
    console: {
      stdout: (bytes) => {
        output += Buffer.from(bytes).toString();
      },
      stderr: (bytes) => {
        errors += Buffer.from(bytes).toString();
      },
    },
    prepare: (process, machine) => {
      if (seed === undefined) return;
      const manager = new OverlayManager(process, readMelf(readProgram(path)));
      chaos = new ChaosSwitcher(machine.kernel, manager, seed);
    },
  });
  assert.equal(code, 0, output + errors);
  return { output, errors, chaos: chaos as ChaosSwitcher | undefined };
}

const isas: readonly Isa[] = ['x86-64', 'aarch64'];

for (const isa of isas) {
  describe(`chaos switch on ${isa}`, function () {
    this.timeout(600_000);
    let folder: string;
    let path: string;

    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'chaos-'));
      path = await buildVariants(isa, folder, {
        source: 'chaos.c',
        variants: ['plain', 'checked'],
        link: { gcSections: true },
      });
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function run(seed: number | undefined): Promise<{ output: string; calls: number[]; chaos?: ChaosSwitcher }> {
      const { output, errors, chaos } = await runUnder(isa, path, seed);
      return { output, calls: errors.trim().split(' ').map(Number), chaos };
    }

    it('changes what is executed, and nothing of the output', async () => {
      const calm = await run(undefined);
      assert.deepEqual(calm.calls, [40, 0]);
      assert.equal(calm.output.split('\n').length, 41);
      for (const seed of [1, 2, 3]) {
        const { output, calls, chaos } = await run(seed);
        assert.equal(output, calm.output, `seed ${seed}`);
        assert.ok(calls[0]! > 5 && calls[1]! > 5, `both variants work: ${calls.join(', ')}`);
        assert.ok(chaos!.switches > 20, `${chaos!.switches} switches`);
      }
    });

    it('does the same for the same seed', async () => {
      const [one, other] = [await run(7), await run(7)];
      assert.deepEqual(one.calls, other.calls);
      assert.equal(one.chaos!.switches, other.chaos!.switches);
    });

    it('goes on in forked processes, and ends where they execute something', async () => {
      const forking = await buildVariants(isa, folder, { source: 'children.c', variants: ['plain', 'checked'] });
      const switched = new Map<number, number>();
      let output = '';
      const { code } = await runGuest(isa, forking, {
        console: {
          stdout: (bytes) => {
            output += Buffer.from(bytes).toString();
          },
          stderr: () => {},
        },
        events: [
          {
            accept: (event) => {
              if (event.type === 'view:switch') switched.set(event.tid, (switched.get(event.tid) ?? 0) + 1);
              if (event.type === 'process:exec') switched.set(event.pid, 0);
            },
          },
        ],
        prepare: (process, machine) =>
          new ChaosSwitcher(machine.kernel, new OverlayManager(process, readMelf(readProgram(forking))), 5),
      });
      assert.equal(output, 'parent 1\nchild 0: 4\nchild 1: 4\nchild 2: 5\nparent 1\n');
      assert.equal(code, 0);
      const counts = [...switched.values()];
      assert.equal(counts.length, 4);
      assert.ok(
        counts.slice(0, 3).every((count) => count > 5),
        counts.join(),
      );
      assert.equal(counts[3], 0, 'what was executed is not managed');
    });

    for (const libc of ['musl', 'glibc'] as const) {
      it(`changes nothing of what libmelf answers a program that switches by itself, ${libc}`, async function () {
        if (libc === 'glibc' && (await ensureGlibc(isa)) === undefined)
          skipBecause(this, 'glibc for this instruction set is not to be had');
        const own = await buildVariants(isa, folder, {
          source: 'own-switches.c',
          variants: ['plain', 'checked'],
          libc,
          link: { pageAlign: ['work', 'other'] },
        });
        async function answers(env: readonly string[], seed?: number) {
          const { output, errors, chaos } = await runUnder(isa, own, seed, env);
          const [, plain, checked] = /^calls (\d+) (\d+)$/m.exec(errors) ?? [];
          return { output, errors, calls: [Number(plain), Number(checked)], switches: chaos?.switches ?? 0 };
        }
        const calm = await answers([]);
        assert.match(calm.output, /^init 0, count 2/);
        const executed = new Set([calm.calls.join()]);
        for (const seed of [1, 2, 3]) {
          const { output, calls, switches } = await answers([outsideManager], seed);
          assert.equal(output, calm.output, `seed ${seed}`);
          executed.add(calls.join());
          assert.ok(switches > 20, `${switches} switches`);
        }
        assert.ok(executed.size > 2, [...executed].join('; '));
        // MELF_VARIANT is noted as well.
        const started = await answers(['MELF_VARIANT=checked']);
        const told = await answers([outsideManager, 'MELF_VARIANT=checked', 'MELF_VERBOSE=1'], 4);
        assert.match(started.output, /^start: in 1/m);
        assert.equal(told.output, started.output);
        assert.match(
          told.errors,
          /^melf: 2 variants; a manager outside chooses what is executed, switches are only noted$/m,
        );
        assert.doesNotMatch(told.errors, /view/);
      });
    }
  });
}
