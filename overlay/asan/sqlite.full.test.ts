// No false report in a large program: SQLite's own benchmark, every access of it checked, gives the same answers as unsanitised.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { asanFlags, asanObject } from '../../linker/cc/libmelf.ts';
import { ensureAmalgamation } from '../../scenarios/sqlite-assertions/amalgamation.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { projectRoot } from '../../setup/project.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';

const options = ['-O1', '-DSQLITE_THREADSAFE=1', '-DSQLITE_OMIT_LOAD_EXTENSION', '-DSQLITE_TEMP_STORE=2'];

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`AddressSanitizer on SQLite's speedtest1, ${isa}`, function () {
    this.timeout(3_600_000);
    let folder: string;
    before(async () => {
      await ensureEngine();
      folder = mkdtempSync(join(tmpdir(), 'melf-asan-sqlite-'));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('finds nothing, and the answers are the same', async () => {
      const { wrapper } = await ensureToolchain(isa);
      const { folder: sources } = await ensureAmalgamation();
      const outputs: string[] = [];
      for (const [name, flags, more] of [
        ['plain', [], []],
        ['asan', asanFlags, [asanObject([wrapper])]],
      ] as const) {
        const program = join(folder, name);
        const files = ['sqlite3.c', 'speedtest1.c'].map((file) => join(sources, file));
        const words = [
          ...options,
          ...flags,
          `-I${sources}`,
          '-Wl,--eh-frame-hdr',
          ...files,
          ...more,
          '-lm',
          '-o',
          program,
        ];
        await run([wrapper, ...words]);
        const cli = join(projectRoot, 'cli/main.ts');
        const asan = name === 'asan' ? ['--asan'] : [];
        const guest = [program, '--size', '1', '--verify', '/tmp/speedtest.db'];
        const result = spawnSync(process.execPath, ['--import', 'tsx', cli, 'run', '--stats', ...asan, ...guest], {
          encoding: 'utf8',
        });
        assert.equal(result.status, 0, result.stderr);
        if (name === 'asan') assert.match(result.stderr, /no error found/);
        outputs.push(/^Verification Hash: (.+)$/m.exec(result.stdout)![1]!);
        if (process.env.SHOW_STATS) process.stderr.write(`${name}\n${result.stderr}`);
      }
      assert.equal(outputs[1], outputs[0]);
    });
  });
}
