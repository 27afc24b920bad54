// `guest-program.ts FOLDER PROGRAM ARGUMENTS...`: a program that the build has made for another instruction set than the host's, on an emulated
// machine. CMake starts its questions and the makers of MariaDB's tables so (CMAKE_CROSSCOMPILING_EMULATOR). The guest sees FOLDER, at its
// own path, and may write there.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { elfMachine } from '../../emulator/linux/elf-image.ts';
import { Machine } from '../../emulator/machine.ts';
import { loadMachine } from '../../emulator/scheduler/machine-description.ts';
import { ensureEngine } from '../../setup/engine.ts';

/** Of an ELF file for AArch64 (e_machine). */
const AARCH64 = 183;

const [folder = '.', program = '', ...words] = process.argv.slice(2);
await ensureEngine();
const path = resolve(program);
const elf = readFileSync(path);
const machine = await Machine.create({
  description: loadMachine('uniform-1', elfMachine(elf) === AARCH64 ? 'aarch64' : 'x86-64'),
  console: {
    stdout: (bytes) => void process.stdout.write(bytes),
    stderr: (bytes) => void process.stderr.write(bytes),
  },
  mounts: [{ at: resolve(folder), folders: [resolve(folder)], mode: 'read-write' }],
});
const guest = machine.spawn(elf, { argv: [program, ...words], exe: path });
machine.run();
machine.close();
process.exitCode = guest.exitCode ?? 1;
