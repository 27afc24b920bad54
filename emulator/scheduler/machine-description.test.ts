import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { cpuCount, engineModel, loadMachine, MachineDescriptionError, parseMachine } from './machine-description.ts';

const failure = (run: () => unknown): MachineDescriptionError => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof MachineDescriptionError);
    return error;
  }
  return assert.fail('it was accepted');
};

const toml = (text: string) => parseMachine(text, 'm.toml');

describe('machine description', () => {
  it('uniform-N', () => {
    for (const count of [1, 4, 64]) {
      const machine = loadMachine(`uniform-${count}`);
      assert.equal(cpuCount(machine), count);
      assert.equal(machine.cpus.length, 1);
    }
    assert.equal(loadMachine('uniform-4', 'aarch64').isa, 'aarch64');
    assert.match(failure(() => loadMachine('uniform-65')).message, /count/);
  });

  it('ready ones have kinds that differ in features alone', () => {
    for (const name of ['big-little-x86', 'big-little-arm']) {
      const { isa, cpus } = loadMachine(name);
      const [big, little] = cpus;
      assert.ok(big && little && big.hz === little.hz);
      assert.ok(little.features.every((feature) => big.features.includes(feature)));
      assert.ok(big.features.length > little.features.length);
      assert.notEqual(engineModel(isa, big.model), engineModel(isa, little.model));
    }
    assert.equal(engineModel('x86-64', 'qemu64'), 0);
    assert.equal(engineModel('x86-64', 'haswell'), 19);
    assert.equal(engineModel('aarch64', 'max'), 3);
  });

  it('reads TOML and JSON, and fills in what is left out', () => {
    const machine = toml('isa = "aarch64"\n[[cpus]]\nmodel = "max"\n');
    assert.deepEqual(machine.cpus[0], { ...machine.cpus[0], kind: 'cpu', count: 1, hz: 3e9, model: 'max' });
    assert.ok(machine.cpus[0]?.features.includes('atomics'));
    const json = parseMachine('{ "cpus": [{ "model": "haswell", "features": ["sse2"] }] }', 'm.json', 'json');
    const { features } = json.cpus[0]!;
    assert.ok(features.includes('sse2') && features.includes('fpu') && !features.includes('sse4_1'), 'baseline');
    const folder = mkdtempSync(join(tmpdir(), 'melf-machine-'));
    try {
      const file = join(folder, 'two.toml');
      writeFileSync(file, 'name = "pair"\n[[cpus]]\nmodel = "nehalem"\ncount = 2\n');
      assert.deepEqual([loadMachine(file).name, cpuCount(loadMachine(file))], ['pair', 2]);
      assert.equal(failure(() => loadMachine(join(folder, 'none.toml'))).code, 'machine.file');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says where something is wrong', () => {
    const cases: readonly [text: string, format: 'toml' | 'json', message: RegExp, where: string][] = [
      ['isa = "x86-64"\ncpus = 3\n', 'toml', /cpus: .*[Aa]rray/, 'line 2, column 1'],
      [
        '[[cpus]]\nmodel = "haswell"\n[[cpus]]\nkind = "b"\nmodel = "haswel"\n',
        'toml',
        /cpus\[1\]\.model: .*haswel/,
        'line 5, column 1',
      ],
      ['[[cpus]]\nmodel = "haswell"\nhz = 3\n', 'toml', /cpus\[0\]\.hz: .*1 MHz/, 'line 3, column 1'],
      ['[[cpus]]\nmodel = "haswell"\ncolour = 1\n', 'toml', /cpus\[0\]\.colour/, 'line 3, column 1'],
      ['[[cpus]]\nmodel = "haswell"\ncycles = { simd = -1 }\n', 'toml', /cpus\[0\]\.cycles\.simd/, 'line 3, column 12'],
      ['[[cpus]]\nmodel = "haswell"\ncycles = { sind = 1 }\n', 'toml', /cpus\[0\]\.cycles/, 'line 3, column 12'],
      [
        '[[cpus]]\nmodel = "haswell"\n[cpus.cycles]\nload = 2\nsind = 1\n',
        'toml',
        /cpus\[0\]\.cycles/,
        'line 5, column 1',
      ],
      [
        '# simd\n[[cpus]]\nmodel = "haswell"\n[cpus.cycles]\nsimd = 1\n[[cpus]]\nkind = "b"\nmodel = "qemu64"\n[cpus.cycles]\n  simd = -1\n',
        'toml',
        /cpus\[1\]\.cycles\.simd/,
        'line 10, column 3',
      ],
      ['[[cpus]]\nmodel = "haswell"\ncycles.simd = "x"\n', 'toml', /cpus\[0\]\.cycles\.simd/, 'line 3, column 8'],
      ['cpus = [{ model = "haswell" }, { kind = "b" }]\n', 'toml', /cpus\[1\]\.model/, 'line 1, column 32'],
      [
        '{ "cpus": [\n  { "model": "haswell", "cycles": {\n    "simd": 1,\n    "sind": 2 } } ] }',
        'json',
        /cpus\[0\]\.cycles/,
        'line 4, column 5',
      ],
      [
        '{ "cpus": [\n  { "model": "haswell", "cycles": { "simd": 1 } },\n  { "kind": "b", "model": "qemu64",\n    "cycles": { "simd": -1 } } ] }',
        'json',
        /cpus\[1\]\.cycles\.simd/,
        'line 4, column 17',
      ],
      [
        '[[cpus]]\nmodel = "haswell"\nfeatures = ["sse2",\n  "sse4_3"]\n',
        'toml',
        /cpus\[0\]\.features\[1\]: .*sse4_3/,
        'line 4, column 3',
      ],
      [
        '{ "isa": "aarch64",\n "cpus": [{ "model": "cortex-a53", "features": ["aes", "atomics"] }] }',
        'json',
        /features\[1\]: cortex-a53 does not have atomics/,
        'line 2, column 56',
      ],
      ['isa = "riscv"\n[[cpus]]\nmodel = "x"\n', 'toml', /isa/, 'line 1, column 1'],
      ['[[cpus]\n', 'toml', /it: /, 'line 1, column 8'],
      ['{ "cpus": [\n  { "model": "haswell",\n    "count": 0 } ] }', 'json', /cpus\[0\]\.count/, 'line 3, column 5'],
      ['{ "cpus": [\n oops', 'json', /it: /, 'line 2, column 2'],
      ['', 'toml', /cpus: /, 'line 1, column 1'],
      ['{}', 'json', /cpus: /, 'line 1, column 1'],
      ['\n[]', 'json', /it: |cpus: /, 'line 1, column 1'],
      ['[[cpus]]\nmodel = "toString"\n', 'toml', /no x86-64 CPU model "toString"/, 'line 2, column 1'],
      ['{ "cpus": [{ "model": "__proto__" }] }', 'json', /no x86-64 CPU model "__proto__"/, 'line 1, column 14'],
      [
        '{ "cpus": [{ "model": "haswell",\n  "count": 1,\n  "count": 0 }] }',
        'json',
        /cpus\[0\]\.count/,
        'line 3, column 3',
      ],
      [
        '{ "cpus": [{ "model": "haswell",\n  "count": 0,\n  "count": 0 }] }',
        'json',
        /cpus\[0\]\.count/,
        'line 3, column 3',
      ],
    ];
    for (const [text, format, message, where] of cases) {
      const error = failure(() => parseMachine(text, 'm', format));
      assert.match(error.message, message);
      assert.equal(error.facts.where, where, text);
      assert.ok(error.hint);
    }
    const withFeature = (feature: string): string => `[[cpus]]\nmodel = "haswell"\nfeatures = ["${feature}"]`;
    assert.match(failure(() => toml(withFeature('sse4_3'))).hint ?? '', /^Did you mean sse4_[12]\? haswell has fpu, /);
    assert.match(failure(() => toml(withFeature('popcount'))).message, /there is no feature "popcount" of x86-64/);
    assert.match(failure(() => toml(withFeature('avx2'))).message, /no model has avx2/);
    assert.match(failure(() => toml(withFeature('adx'))).hint ?? '', /models have it: icelake-server/);
    assert.match(failure(() => toml('cpus = []')).message, /at least one/);
    assert.match(failure(() => toml('[[cpus]]\nmodel="max"')).hint ?? '', /icelake-server/);
    assert.match(failure(() => toml('[[cpus]]\nmodel="haswell"\n[[cpus]]\nmodel="conroe"')).message, /same name/);
    for (const name of ['tiny', 'toString', '__proto__', 'constructor'])
      assert.equal(failure(() => loadMachine(name)).code, 'machine.unknown');
    assert.equal(failure(() => engineModel('x86-64', 'valueOf')).code, 'machine.cpu-model');
  });

  it('never fails otherwise than with its own error', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.constantFrom('toml' as const, 'json' as const), (text, format) => {
        failure(() => parseMachine(text, 'm', format));
      }),
    );
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        failure(() => parseMachine(text, 'm', 'json'));
      }),
    );
  });
});
