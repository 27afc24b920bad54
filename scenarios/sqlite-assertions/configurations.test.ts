import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../../base/arguments.ts';
import { skipBecause } from '../../base/tests/skip.ts';
import { configurationNamed, configurationNames, expectsAssertions } from './configurations.ts';

describe('configurations of the service', () => {
  it('hold the shares that are to be compared, and names that cannot be mistaken', () => {
    const shares = configurationNames
      .map(configurationNamed)
      .flatMap(({ id, share }) => (/^melf-/.test(id) ? [share] : []));
    assert.deepEqual(shares, [0, 1, 10, 25, 50, 75, 100]);
    assert.equal(new Set(configurationNames).size, configurationNames.length);
    assert.throws(() => configurationNamed('melf-2'), UsageError);
  });

  it('spread a share evenly: of each hundred statements exactly so many, for each client', () => {
    for (const id of ['melf-1', 'melf-10', 'melf-25', 'melf-50', 'melf-75']) {
      const configuration = configurationNamed(id);
      for (let client = 0; client < 4; client++)
        for (let from = 0; from < 300; from += 50) {
          const chosen = Array.from({ length: 100 }, (_, index) =>
            expectsAssertions(configuration, client, from + index, 500),
          ).filter(Boolean);
          assert.equal(chosen.length, configuration.share, `${id}, client ${client}, from ${from}`);
        }
    }
  });

  const canRunNatively = process.platform === 'linux' && (process.arch === 'x64' || process.arch === 'arm64');
  it('are what the service itself decides', function () {
    if (!canRunNatively) skipBecause(this, 'this machine does not execute x86-64 programs');
    const folder = mkdtempSync(join(tmpdir(), 'melf-policy-'));
    try {
      const main = `
        #include "policy.h"
        #include <stdio.h>
        int main(int count, char **policies) {
          for (int i = 1; i < count; i++) {
            struct policy policy;
            if (!policy_parse(&policy, policies[i])) { puts("bad"); continue; }
            for (int client = 0; client < 4; client++)
              for (long statement = 0; statement < 250; statement++) putchar(policy_wants(&policy, client, statement, false) ? '1' : '0');
            putchar('\\n');
          }
          return 0;
        }`;
      writeFileSync(join(folder, 'main.c'), main);
      const guest = join(import.meta.dirname, 'guest');
      const program = join(folder, 'policy');
      execFileSync('gcc', ['-I', guest, join(folder, 'main.c'), join(guest, 'policy.c'), '-o', program]);
      // What clients ask for is not the policy's to know.
      const compared = configurationNames
        .map(configurationNamed)
        .filter(({ form, request, session, policy }) => form === 'melf' && !request && !session && policy !== 'middle');
      const bad = ['', 'sometimes', 'share:101', 'share:x', 'every:0', 'threads:', 'threads:a', 'threads:99'];
      const lines = execFileSync(program, [...compared.map(({ policy }) => policy), ...bad], { encoding: 'utf8' })
        .trimEnd()
        .split('\n');
      for (const configuration of compared) {
        const expected = [0, 1, 2, 3].flatMap((client) =>
          Array.from({ length: 250 }, (_, statement) =>
            expectsAssertions(configuration, client, statement, 250) ? '1' : '0',
          ),
        );
        assert.equal(lines.shift(), expected.join(''), configuration.id);
      }
      assert.deepEqual(
        lines,
        bad.map(() => 'bad'),
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
