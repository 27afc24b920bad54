import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from './project.ts';

function run(script: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const { MELF_CA_CERTS: _, NODE_EXTRA_CA_CERTS: __, ...inherited } = process.env;
  return spawnSync(join(projectRoot, script), args, { encoding: 'utf8', env: { ...inherited, ...env } });
}

describe('the scripts that a shell starts', () => {
  // Node warns of a file of certificates that it cannot read.
  const certificates = { NODE_EXTRA_CA_CERTS: '/nonexistent/certificates' };

  it('melf link reads its arguments as they were, and no certificates', () => {
    const { status, stderr } = run('setup/melf.cjs', ['link', 'no such file.o'], certificates);
    assert.equal(status, 1, stderr);
    assert.match(stderr, /no such file\.o/);
    assert.doesNotMatch(stderr, /certs/);
  });

  it('start with a Node that knows no flags of V8', () => {
    const folder = mkdtempSync(join(tmpdir(), 'melf-node-'));
    try {
      const strict = `#!/bin/sh\ncase "$1" in -*) echo "bad option: $1" >&2; exit 9;; esac\nexec '${process.execPath}' "$@"\n`;
      writeFileSync(join(folder, 'node'), strict, { mode: 0o755 });
      const env = { PATH: `${folder}:${process.env.PATH}` };
      assert.match(run('setup/melf.cjs', ['link', 'no such file.o'], env).stderr, /no such file\.o/);
      for (const name of ['melf-cc', 'melf-c++'])
        assert.equal(
          run(`linker/cc/${name}.cjs`, ['-dumpversion'], { ...env, MELF_CC: 'echo', MELF_CXX: 'echo' }).status,
          0,
        );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('what melf-cc starts has the environment of melf-cc', () => {
    for (const env of [certificates, {}]) {
      const { stdout } = run('linker/cc/melf-cc.cjs', [], { ...env, MELF_CC: 'env' });
      const lines = stdout.split('\n').filter((line) => /^(NODE_EXTRA|MELF)_CA_CERTS=/.test(line));
      assert.deepEqual(
        lines,
        Object.entries(env).map(([name, value]) => `${name}=${value}`),
      );
      assert.match(stdout, /^PATH=/m);
    }
  });
});
