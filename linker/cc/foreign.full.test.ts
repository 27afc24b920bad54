// Foreign programs, built with CC=melf-cc and nothing else changed, each checked by its own tests in every variant.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram } from '../../base/command.ts';
import { skipBecause } from '../../base/tests/skip.ts';
import { type CrossToolchain, ensureCrossToolchain } from '../../setup/cross-toolchain.ts';
import { readMelf } from '../melf-reader.ts';
import { foreignSource } from '../tests/foreign.ts';

const VARIANTS = { fast: '-O2', careful: '-O1 -fno-inline', small: '-Os' };
const CONFIGURATION = Object.entries(VARIANTS)
  .map(([name, flags]) => `[[variant]]\nname = "${name}"\nflags = "${flags}"\n`)
  .join('\n');

interface Project {
  readonly what: string;
  readonly source: string;
  /** Shell commands in the source tree. */
  readonly build: readonly string[];
  readonly check: string;
  /** What the check prints when all is well. */
  readonly good: RegExp;
  readonly program: string;
  /** Fewer multivariant functions than this would mean that little was tried. */
  readonly functions: number;
  readonly needs?: string;
  /** Built for AArch64, too, and checked by a user-mode qemu: what this machine executes is in one file, `program`. */
  readonly crosses?: boolean;
}

const PROJECTS: readonly Project[] = [
  {
    what: 'plain make: bzip2',
    source: 'bzip2',
    // The program takes its library from its folder, if that has been made.
    build: ['make -e CC=melf-cc libbz2.a', 'make CC=melf-cc bzip2 bzip2recover'],
    check: 'make CC=melf-cc test',
    good: /cmp sample3\.tst sample3\.ref/,
    program: 'bzip2',
    functions: 60,
    crosses: true,
  },
  {
    what: 'Autoconf: mawk',
    source: 'mawk',
    build: ['./configure CC=melf-cc', 'make'],
    check: 'make check',
    good: /results consistent/,
    program: 'mawk',
    functions: 200,
  },
  {
    what: 'CMake: cJSON',
    source: 'cjson',
    build: [
      'cmake -S . -B build -DCMAKE_C_COMPILER=melf-cc -DBUILD_SHARED_LIBS=OFF -DENABLE_CJSON_UTILS=ON -DENABLE_CUSTOM_COMPILER_FLAGS=OFF',
      'cmake --build build',
    ],
    check: 'cd build && ctest --output-on-failure',
    good: /100% tests passed, 0 tests failed out of (1\d|2\d)/,
    program: 'build/tests/parse_examples',
    functions: 100,
    needs: 'cmake',
  },
  {
    what: 'C++ with templates and exceptions: JSON for Modern C++',
    source: 'nlohmann-json3',
    // One of its test programs, since each of them is a minute's compile.
    build: [
      'cmake -S . -B build -DCMAKE_CXX_COMPILER=melf-c++ -DJSON_BuildTests=ON -DCMAKE_CXX_STANDARD=11 -DJSON_TestDataDirectory=none',
      'cmake --build build --target test-json_pointer_cpp11',
    ],
    check: 'build/tests/test-json_pointer_cpp11',
    good: /279 passed \| 0 failed[\s\S]*Status: SUCCESS!/,
    program: 'build/tests/test-json_pointer_cpp11',
    functions: 500,
    needs: 'cmake',
  },
  {
    what: 'C++ with exceptions: lzip',
    source: 'lzip',
    build: ['./configure CXX=melf-c++', 'make'],
    check: 'make check',
    good: /tests completed successfully/,
    program: 'lzip',
    functions: 100,
    crosses: true,
  },
];

describe('foreign programs with CC=melf-cc', function () {
  // The compiles of a C++ program, three times over, on a busy machine.
  this.timeout(3_600_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-foreign-'));
    mkdirSync(join(folder, 'bin'));
    for (const name of ['melf-cc', 'melf-c++'])
      symlinkSync(join(import.meta.dirname, `${name}.cjs`), join(folder, 'bin', name));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Builds a project in `tree` and checks each variant; the machine's own compilers without `cross`. */
  const buildAndCheck = async (project: Project, tree: string, cross?: CrossToolchain): Promise<void> => {
    const compilers = cross === undefined ? '' : `[compiler]\nc = ["${cross.gcc}"]\ncxx = ["${cross.gxx}"]\n`;
    mkdirSync(dirname(tree), { recursive: true });
    writeFileSync(join(dirname(tree), 'melf.toml'), compilers + CONFIGURATION);
    const binutil = (name: string): string => cross!.gcc.replace(/gcc$/, name);
    const archivers = cross === undefined ? {} : { AR: binutil('ar'), RANLIB: binutil('ranlib') };
    cpSync(await foreignSource(project.source), tree, {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
    const shell = (command: string, env: Record<string, string> = {}): string => {
      const PATH = `${join(folder, 'bin')}:${process.env.PATH}`;
      const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
        cwd: tree,
        env: { ...process.env, PATH, ...archivers, ...env },
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        timeout: 1_800_000,
      });
      assert.equal(status, 0, `${command}:\n${stdout}\n${stderr}`.slice(-4000));
      return stdout + stderr;
    };
    for (const command of project.build) shell(command);
    const { melf } = readMelf(readFileSync(join(tree, project.program)), project.program);
    assert.deepEqual(
      melf?.variants.map((v) => v.name),
      Object.keys(VARIANTS),
    );
    const count = melf!.functions.length;
    assert.ok(count >= project.functions, `only ${count} multivariant functions`);
    if (cross !== undefined) {
      const program = join(tree, project.program);
      renameSync(program, `${program}.guest`);
      writeFileSync(program, `#!/bin/sh\nexec qemu-aarch64 ${program}.guest "$@"\n`, { mode: 0o755 });
    }
    for (const variant of Object.keys(VARIANTS)) {
      assert.match(shell(project.check, { MELF_VARIANT: variant }), project.good, variant);
    }
  };

  for (const project of PROJECTS) {
    it(project.what, async function () {
      if (project.needs !== undefined && findProgram(project.needs) === undefined) {
        skipBecause(this, `${project.needs} is not on this machine`);
      }
      await buildAndCheck(project, join(folder, 'own', project.source));
    });
    if (project.crosses !== true) continue;
    it(`${project.what}, for AArch64`, async function () {
      if (findProgram('qemu-aarch64') === undefined)
        skipBecause(this, 'this machine has no user-mode qemu for aarch64');
      await buildAndCheck(project, join(folder, 'aarch64', project.source), await ensureCrossToolchain('aarch64'));
    });
  }
});
