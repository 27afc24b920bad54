import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { link } from '../../linker/link.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { MemcachedClients } from '../../scenarios/memcached-profiling/client.ts';
import { linkOptionsOf } from '../../scenarios/memcached-profiling/executable.ts';
import { defaultLoad, type Load } from '../../scenarios/memcached-profiling/load.ts';
import { randomStreams } from '../../scenarios/runner/random.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { ChaosSwitcher } from '../chaos.ts';
import { OverlayManager } from '../manager.ts';
import { installMmview } from '../mmview.ts';

const libmelf = join(import.meta.dirname, '../guest/libmelf');
const port = 11211;
const load: Load = { ...defaultLoad, connections: 16, warmUp: 1e6, window: 10e6 };

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`chaos switch in memcached, ${isa}`, function () {
    this.timeout(900_000);
    let folder: string;
    let elf: Uint8Array;

    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'memcached-chaos-'));
      const { cc } = await ensureToolchain(isa);
      const [program = '', ...prefix] = cc;
      const stub = join(folder, 'stub.o');
      const source = join(import.meta.dirname, 'memcached-stub.c');
      execFileSync(program, [...prefix, '-O2', '-fno-pie', `-I${libmelf}`, '-c', source, '-o', stub]);
      const options = await linkOptionsOf('melf', isa);
      // The first common object behind the start files is libmelf's.
      const common = options.inputs.filter(({ variant }) => variant === undefined);
      const inputs = options.inputs.map((input) => (input === common[2] ? { path: stub } : input));
      elf = link({ ...options, inputs }).bytes;
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    async function run(seed: number | undefined): Promise<{ requests: number; wrong: number; chaos?: ChaosSwitcher }> {
      const machine = await Machine.create({
        description: loadMachine('uniform-4', isa),
        ramBytes: 512 * 2 ** 20,
        extensions: [installMmview],
      });
      const server = machine.spawn(elf, {
        argv: ['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', '4', '-A'],
        exe: '/memcached',
      });
      let chaos: ChaosSwitcher | undefined;
      if (seed !== undefined) {
        const manager = new OverlayManager(server, readMelf(elf));
        chaos = new ChaosSwitcher(machine.kernel, manager, seed);
      }
      const clients = new MemcachedClients({
        world: {
          at: (time, callback) => void machine.kernel.timers.at(time, callback),
          connect: (at, handlers) => machine.network.connect({ port }, at, handlers),
        },
        load,
        streams: randomStreams(1, load.connections + 2),
        profiled: new Set(),
        events: { onWindowStart() {}, onWindowEnd() {} },
      });
      clients.start(1e6);
      machine.run({ maxTime: 60e9 });
      assert.equal(server.end?.signal, undefined);
      const { requests, wrongCount } = clients.result();
      machine.close();
      return { requests, wrong: wrongCount, chaos };
    }

    it('no reply is wrong, although workers change between fast and prof all the time', async () => {
      const calm = await run(undefined);
      assert.equal(calm.wrong, 0);
      for (const seed of [1, 2]) {
        const { requests, wrong, chaos } = await run(seed);
        assert.equal(wrong, 0, `seed ${seed}`);
        assert.ok(requests > calm.requests / 2, `${requests} requests, ${calm.requests} in peace`);
        assert.ok(chaos!.switches > 100, `${chaos!.switches} switches, ${chaos!.refused} refused`);
      }
    });
  });
}
