import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { readMelf } from '../../linker/melf-reader.ts';
import { MemcachedClients } from '../../scenarios/memcached-profiling/client.ts';
import { ensureExecutables } from '../../scenarios/memcached-profiling/executable.ts';
import { defaultLoad, type Load } from '../../scenarios/memcached-profiling/load.ts';
import { randomStreams } from '../../scenarios/runner/random.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { ChaosSwitcher } from '../chaos.ts';
import { OverlayManager } from '../manager.ts';
import { outsideManager } from '../manager-setting.ts';
import { installMmview } from '../mmview.ts';

const port = 11211;
const load: Load = { ...defaultLoad, connections: 16, warmUp: 1e6, window: 10e6 };

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`chaos switch in memcached, ${isa}`, function () {
    this.timeout(900_000);
    let elf: Uint8Array;

    before(async () => {
      await ensureEngine();
      const { paths } = await ensureExecutables(isa, ['melf']);
      elf = new Uint8Array(readFileSync(paths.melf!));
    });

    async function run(seed: number | undefined): Promise<{ requests: number; wrong: number; chaos?: ChaosSwitcher }> {
      const machine = await Machine.create({
        description: loadMachine('uniform-4', isa),
        ramBytes: 512 * 2 ** 20,
        extensions: [installMmview],
      });
      const server = machine.spawn(elf, {
        argv: ['memcached', '-u', 'root', '-l', '127.0.0.1', '-p', `${port}`, '-U', '0', '-t', '4', '-A'],
        exe: '/memcached',
        env: seed === undefined ? [] : [outsideManager],
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
