import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libmelfObject } from '../../linker/cc/libmelf.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { readTortureLists } from './lists.ts';
import { type Bench, STAGES, tryProgram } from './torture.ts';

/** Small ones of our own in the manner of gcc's, so that the quick run downloads nothing. */
const programs = join(import.meta.dirname, 'programs');
const NAMES = ['clones.c', 'labels.c', 'statics.c', 'tables.c', 'varargs.c'];

for (const isa of ['x86-64', 'aarch64'] as const)
  describe(`torture programs at -O0, -O2 and -Os as three variants of one MELF, ${isa}`, () => {
    let folder: string;
    let bench: Bench;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'melf-torture-'));
      const toolchain = await ensureToolchain(isa);
      bench = {
        toolchain,
        folder,
        libmelf: libmelfObject(toolchain.cc),
        runsNatively: process.arch === (isa === 'x86-64' ? 'x64' : 'arm64'),
      };
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const name of NAMES) {
      it(`${name}: right in each, and like GNU ld's link of each`, async () => {
        const verdict = await tryProgram(bench, join(programs, name));
        assert.ok('compared' in verdict, JSON.stringify(verdict));
        assert.ok(verdict.functions > 1);
        assert.ok(verdict.words > 100, `${verdict.words} relocated words`);
      });
    }
  });

describe('the lists of torture programs', () => {
  it('the lists name no program twice and give a stage and a reason for each failure', () => {
    const { expected, knownFailures, flaky } = readTortureLists();
    const all = [...expected, ...knownFailures.keys(), ...flaky];
    assert.equal(new Set(all).size, all.length);
    assert.ok(expected.length >= 300);
    for (const [name, { stage, reason }] of knownFailures) {
      assert.ok(STAGES.includes(stage), name);
      assert.ok(reason.length > 10, name);
    }
  });
});
