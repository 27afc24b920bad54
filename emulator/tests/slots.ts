// Cores that execute instructions one by one, each in a slot of its own, and tell which they refuse.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { BlockTable, Core, makeBootRoot } from '../core/core.ts';
import { loadEngine } from '../core/engine-loader.ts';
import { X } from '../isa/aarch64/registers.ts';
import type { Isa } from '../isa/isa.ts';
import { X86 } from '../isa/x86-64/registers.ts';
import type { FeatureGuard } from '../linux/feature-guard.ts';
import { ensureEntry, Pte, setEntry } from '../memory/page-table.ts';
import { PhysicalMemory } from '../memory/physical.ts';
import { ExitReason } from '../native/binding.ts';

const CODE_VA = 0x10000;
const DATA_VA = 0x20000;
/** Bytes of a slot. */
export const SLOT = 16;

/** Assembles each instruction into a slot of its own, with an endless loop behind it. */
export async function assemble(isa: Isa, lines: readonly string[]): Promise<Uint8Array> {
  const { as, objcopy } = await ensureToolchain(isa);
  const folder = mkdtempSync(join(tmpdir(), 'melf-features-'));
  try {
    const extensions = 'sve+crypto+sha3+sm4+i8mm+bf16+fp16+fp16fml+memtag+flagm+rng+ssbs+lor';
    const head = isa === 'x86-64' ? '.intel_syntax noprefix' : `.arch armv8.6-a+${extensions}`;
    const loop = isa === 'x86-64' ? '1: jmp 1b' : '1: b 1b';
    const slots = lines.map((line) => `${line}\n${loop}\n.balign ${SLOT}`);
    writeFileSync(join(folder, 'a.s'), `${[head, '.text', ...slots].join('\n')}\n`);
    await run([as, join(folder, 'a.s'), '-o', join(folder, 'a.o')]);
    await run([objcopy, '-O', 'binary', '-j', '.text', join(folder, 'a.o'), join(folder, 'a.bin')]);
    return readFileSync(join(folder, 'a.bin'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** For a guard: what a core of the model lacks for the instruction in each slot, undefined if it executes it. */
export function prober(isa: Isa, cpuModel: number, code: Uint8Array): (guard: FeatureGuard) => (string | undefined)[] {
  const native = loadEngine({ isa });
  const physical = new PhysicalMemory(native, 256 * 4096);
  const core = new Core({ native, physical, isa, cpuModel, bootRoot: makeBootRoot(isa, physical), accounting: true });
  const root = physical.allocate();
  for (let page = 0; page * 4096 < code.length; page++) {
    const frame = physical.allocate();
    physical.frameBytes(frame).set(code.subarray(page * 4096, (page + 1) * 4096));
    setEntry(physical, ensureEntry(physical, root, CODE_VA + page * 4096), Pte.present | Pte.read | Pte.exec, frame);
  }
  const data = physical.allocate();
  setEntry(physical, ensureEntry(physical, root, DATA_VA), Pte.present | Pte.read | Pte.write, data);
  native.setSpace(core.handle, root, 0, 0, 0);
  return (guard) => {
    native.setBlockTable(core.handle, new BlockTable(native, 0).handle); // every block is new to this guard
    // Each block costs a cycle, so the loop stops at the limit.
    core.callbacks = {
      onPageFault: () => false,
      onBlock: (va, size) => {
        const block = code.subarray(va - CODE_VA, va - CODE_VA + size);
        const found = guard.missing(block, va);
        // Without a feature it is an instruction that the kernel answers (CPUID, RNDR), or one that nobody knows.
        const executed = found === undefined || (found.feature === undefined && !found.text.startsWith('.byte'));
        return new Float64Array([executed ? 1 : -1, 1, -1]);
      },
      onPort: () => {},
    };
    return Array.from({ length: code.length / SLOT }, (_, slot) => {
      const pc = CODE_VA + slot * SLOT;
      core.setReg(isa === 'x86-64' ? X86.rdi : X[0]!, BigInt(DATA_VA));
      core.sp = DATA_VA + 2048;
      if (isa === 'aarch64') for (const behind of [X[9]!, X[30]!]) core.setReg(behind, BigInt(pc + 4));
      core.pc = pc;
      core.limit = core.cycles + 1;
      const reason = core.run();
      const undefinedInstruction = isa === 'x86-64' ? 6 : 1;
      const refused =
        reason === ExitReason.illegal || (reason === ExitReason.interrupt && core.interrupt === undefinedInstruction);
      if (!refused) return undefined;
      assert.equal(core.pc, pc, 'the refused instruction is where the core stopped');
      return guard.instructionAt(code.subarray(slot * SLOT), pc)?.feature ?? 'nothing';
    });
  };
}
