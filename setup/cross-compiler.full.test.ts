import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, findProgram } from '../base/command.ts';
import { skipBecause } from '../base/tests/skip.ts';
import { cache } from './cache.ts';
import { ensureCrossCompiler } from './cross-compiler.ts';
import { ensureCrossToolchain } from './cross-toolchain.ts';
import { aptExists, hostArchitecture } from './packages.ts';
import { ensureToolchain } from './toolchain.ts';

const elfMachineAarch64 = 183;

const CXX = `
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
int main() {
  std::thread([] {
    try { throw std::runtime_error("thrown " + std::to_string(3)); } catch (const std::exception &e) { std::puts(e.what()); }
  }).join();
}
`;

const target = { gnu: 'aarch64-linux-gnu', debian: 'arm64' } as const;

/** About 250 MB the first time. */
describe('the AArch64 tool chain', () => {
  let folder = '';
  before(async function () {
    // Fetching and unpacking take what they take; the tests themselves keep to the limit of all.
    this.timeout(1_800_000);
    if (aptExists() && hostArchitecture() !== 'arm64') {
      await ensureCrossCompiler(cache, target, hostArchitecture());
      await ensureCrossToolchain('aarch64');
    }
    await ensureToolchain('aarch64');
    folder = mkdtempSync(join(tmpdir(), 'melf-cross-'));
    writeFileSync(join(folder, 'a.c'), '#include <stdio.h>\nint main(void) { printf("%d\\n", 6 * 7); return 0; }\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('comes from packages in the cache, which need nothing of the system', async function () {
    if (!aptExists() || hostArchitecture() === 'arm64')
      skipBecause(this, 'there is no apt, or the compiler would be the machine’s own');
    const gcc = join(await ensureCrossCompiler(cache, target, hostArchitecture()), 'bin', 'aarch64-linux-gnu-gcc');
    for (const part of ['cc1', 'as', 'ld']) {
      const path = execFileSync(gcc, [`-print-prog-name=${part}`], { encoding: 'utf8' }).trim();
      assert.ok(path.startsWith(cache.root), `${part} is ${path}`);
    }
    const object = join(folder, 'a.o');
    writeFileSync(join(folder, 'b.c'), 'int twice(int x) { return 2 * x; }\n');
    execFileSync(gcc, ['-O2', '-c', join(folder, 'b.c'), '-o', object]);
    assert.equal(readFileSync(object).readUInt16LE(18), elfMachineAarch64);
  });

  it('links static programs for AArch64', async () => {
    const { wrapper } = await ensureToolchain('aarch64');
    const program = join(folder, 'a');
    execFileSync(wrapper, ['-O2', join(folder, 'a.c'), '-o', program]);
    assert.equal(readFileSync(program).readUInt16LE(18), elfMachineAarch64);
    assert.equal(readFileSync(program).readUInt16LE(16), 2, 'ET_EXEC');
    const emulator = findProgram('qemu-aarch64');
    if (emulator !== undefined) assert.equal(execFileSync(emulator, [program], { encoding: 'utf8' }), '42\n');
  });

  it('has g++ with glibc and libstdc++ when asked for, and neither takes headers of this machine', async function () {
    if (!aptExists() || hostArchitecture() === 'arm64')
      skipBecause(this, 'there is no apt, or the compiler would be the machine’s own');
    const { gxx, gcc, libraries, sysroot } = await ensureCrossToolchain('aarch64');
    const source = join(folder, 'c.cc');
    writeFileSync(source, CXX);
    const emulator = findProgram('qemu-aarch64');
    for (const flags of [['-static'], ['-static-pie', '-fPIE'], []]) {
      const program = join(folder, 'c');
      execFileSync(gxx, [...flags, '-O2', source, '-o', program]);
      assert.equal(readFileSync(program).readUInt16LE(18), elfMachineAarch64);
      if (emulator === undefined) continue;
      assert.equal(execFileSync(emulator, ['-L', join(libraries, '..'), program], { encoding: 'utf8' }), 'thrown 3\n');
    }
    const headers = ask([gcc, '-M', '-x', 'c', join(folder, 'a.c')])?.match(/\S+\.h/g) ?? [];
    assert.ok(headers.some((path) => path.endsWith('/stdio.h')));
    if (sysroot !== '/')
      assert.ok(
        headers.every((path) => path.startsWith(sysroot)),
        headers.join('\n'),
      );
  });
});
