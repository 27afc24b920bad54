// Every instruction of a list on every CPU model: the engine refuses it exactly where the model's features say so.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../base/command.ts';
import { ensureToolchain } from '../../setup/toolchain.ts';
import { Core, makeBootRoot } from '../core/core.ts';
import { loadEngine } from '../core/engine-loader.ts';
import { FeatureGuard } from '../linux/feature-guard.ts';
import { ensureEntry, Pte, setEntry } from '../memory/page-table.ts';
import { PhysicalMemory } from '../memory/physical.ts';
import { ExitReason } from '../native/binding.ts';
import { cpuModels } from '../scheduler/machines/cpu-models.ts';
import { X } from './aarch64/registers.ts';
import { Decoder } from './decoder.ts';
import { neededFeatures } from './instruction-features.ts';
import type { Isa } from './isa.ts';
import { X86 } from './x86-64/registers.ts';

/** By feature, in GNU syntax; x0 and rdi point to writable, aligned memory. `none`: what every CPU has. */
const instructions: Readonly<Record<Isa, Readonly<Record<string, readonly string[]>>>> = {
  'x86-64': {
    none: [
      'paddd xmm0, xmm1',
      'pmaddwd xmm0, xmm1',
      'lzcnt eax, ecx',
      'tzcnt eax, ecx',
      'bsf eax, ecx',
      'sqrtsd xmm0, xmm1',
    ],
    cx16: ['cmpxchg16b [rdi]'],
    pni: [
      'haddps xmm0, xmm1',
      'addsubpd xmm0, xmm1',
      'movddup xmm0, xmm1',
      'movshdup xmm0, xmm1',
      'lddqu xmm0, [rdi]',
      'fisttp dword ptr [rdi]',
    ],
    ssse3: [
      'pshufb xmm0, xmm1',
      'palignr xmm0, xmm1, 4',
      'pmaddubsw xmm0, xmm1',
      'pabsb xmm0, xmm1',
      'phaddd xmm0, xmm1',
      'psignw xmm0, xmm1',
      'pmulhrsw xmm0, xmm1',
    ],
    sse4_1: [
      'pmulld xmm0, xmm1',
      'pmovsxbw xmm0, xmm1',
      'ptest xmm0, xmm1',
      'pblendw xmm0, xmm1, 3',
      'pminsb xmm0, xmm1',
      'roundsd xmm0, xmm1, 1',
      'pextrd eax, xmm0, 1',
      'insertps xmm0, xmm1, 0',
      'dpps xmm0, xmm1, 255',
      'mpsadbw xmm0, xmm1, 0',
      'packusdw xmm0, xmm1',
      'pcmpeqq xmm0, xmm1',
      'phminposuw xmm0, xmm1',
      'movntdqa xmm0, [rdi]',
      'blendvps xmm1, xmm2',
    ],
    sse4_2: [
      'crc32 eax, ecx',
      'crc32 rax, rcx',
      'pcmpestri xmm0, xmm1, 0',
      'pcmpistrm xmm0, xmm1, 0',
      'pcmpgtq xmm0, xmm1',
    ],
    popcnt: ['popcnt eax, ecx', 'popcnt rax, [rdi]'],
    aes: ['aesenc xmm0, xmm1', 'aesdeclast xmm0, xmm1', 'aesimc xmm0, xmm1', 'aeskeygenassist xmm0, xmm1, 1'],
    pclmulqdq: ['pclmulqdq xmm0, xmm1, 0'],
    bmi1: ['andn eax, ecx, edx', 'blsr rax, rcx', 'blsi eax, ecx', 'blsmsk eax, ecx', 'bextr eax, ecx, edx'],
    bmi2: [
      'mulx rax, rcx, rdx',
      'pdep eax, ecx, edx',
      'pext rax, rcx, rdx',
      'bzhi eax, ecx, edx',
      'rorx eax, ecx, 3',
      'sarx eax, ecx, edx',
      'shlx rax, rcx, rdx',
    ],
    movbe: ['movbe eax, [rdi]', 'movbe [rdi], rax'],
    rdrand: ['rdrand eax'],
    fsgsbase: ['rdfsbase rax', 'wrgsbase rax'],
    adx: ['adcx eax, ecx', 'adox rax, rcx'],
    avx: ['vaddps xmm0, xmm1, xmm2', 'vpaddd xmm0, xmm1, xmm2', 'vzeroupper'],
    avx2: ['vpermq ymm0, ymm1, 0', 'vpbroadcastb ymm0, xmm1'],
    avx512f: ['vpaddd zmm0, zmm1, zmm2'],
    fma: ['vfmadd213ps xmm0, xmm1, xmm2'],
    sha_ni: ['sha256rnds2 xmm1, xmm2', 'sha1msg1 xmm0, xmm1'],
  },
  aarch64: {
    none: [
      'add v0.4s, v1.4s, v2.4s',
      'ldaxr x1, [x0]',
      'fmla v0.4s, v1.4s, v2.4s',
      'cnt v0.16b, v1.16b',
      'paciasp',
      'udiv x1, x2, x3',
    ],
    aes: ['aese v0.16b, v1.16b', 'aesmc v0.16b, v1.16b', 'aesd v0.16b, v1.16b', 'aesimc v0.16b, v1.16b'],
    pmull: ['pmull v0.1q, v1.1d, v2.1d', 'pmull2 v0.1q, v1.2d, v2.2d'],
    sha1: ['sha1c q0, s1, v2.4s', 'sha1h s0, s1', 'sha1su0 v0.4s, v1.4s, v2.4s', 'sha1su1 v0.4s, v1.4s'],
    sha2: [
      'sha256h q0, q1, v2.4s',
      'sha256h2 q0, q1, v2.4s',
      'sha256su0 v0.4s, v1.4s',
      'sha256su1 v0.4s, v1.4s, v2.4s',
    ],
    crc32: ['crc32b w1, w2, w3', 'crc32cx w1, w2, x3'],
    atomics: [
      'ldadd w1, w2, [x0]',
      'ldaddal x1, x2, [x0]',
      'stset x1, [x0]',
      'swp x1, x2, [x0]',
      'cas x1, x2, [x0]',
      'casalb w1, w2, [x0]',
      'casp x2, x3, x4, x5, [x0]',
      'ldsmax x1, x2, [x0]',
    ],
    asimdrdm: ['sqrdmlah v0.4s, v1.4s, v2.4s', 'sqrdmlsh s0, s1, s2'],
    asimddp: ['sdot v0.4s, v1.16b, v2.16b', 'udot v0.2s, v1.8b, v2.8b', 'sdot v0.4s, v1.16b, v2.4b[1]'],
    lrcpc: ['ldapr x1, [x0]', 'ldaprb w1, [x0]'],
    ilrcpc: ['ldapur x1, [x0, #8]', 'stlur w1, [x0, #4]'],
    sha512: [
      'sha512h q0, q1, v2.2d',
      'sha512h2 q0, q1, v2.2d',
      'sha512su0 v0.2d, v1.2d',
      'sha512su1 v0.2d, v1.2d, v2.2d',
    ],
    sha3: [
      'eor3 v0.16b, v1.16b, v2.16b, v3.16b',
      'bcax v0.16b, v1.16b, v2.16b, v3.16b',
      'rax1 v0.2d, v1.2d, v2.2d',
      'xar v0.2d, v1.2d, v2.2d, #3',
    ],
    sm3: ['sm3tt1a v0.4s, v1.4s, v2.s[0]'],
    sm4: ['sm4e v0.4s, v1.4s'],
    fcma: ['fcadd v0.4s, v1.4s, v2.4s, #90', 'fcmla v0.4s, v1.4s, v2.4s, #0'],
    jscvt: ['fjcvtzs w1, d0'],
    asimdhp: ['fadd v0.8h, v1.8h, v2.8h', 'fmul v0.4h, v1.4h, v2.4h'],
    fphp: ['fadd h0, h1, h2', 'fmul h0, h1, h2'],
    paca: ['pacia x1, x2', 'autdza x1', 'xpaci x1'],
    pacg: ['pacga x1, x2, x3'],
    flagm: ['cfinv', 'rmif x1, #3, #5', 'setf8 w1'],
    i8mm: ['smmla v0.4s, v1.16b, v2.16b'],
    sve: ['add z0.s, z1.s, z2.s', 'cntb x1'],
  },
};

const CODE_VA = 0x10000;
const DATA_VA = 0x20000;
const SLOT = 16;

/** Assembles each instruction into a slot of its own, with an endless loop behind it. */
async function assemble(isa: Isa, lines: readonly string[]): Promise<Uint8Array> {
  const { as, objcopy } = await ensureToolchain(isa);
  const folder = mkdtempSync(join(tmpdir(), 'melf-features-'));
  try {
    const head =
      isa === 'x86-64' ? '.intel_syntax noprefix' : '.arch armv8.6-a+sve+crypto+sha3+sm4+i8mm+fp16+memtag+flagm';
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

/** Whether a core of the model executes the instruction in each slot. */
function executes(isa: Isa, cpuModel: number, code: Uint8Array, guard: FeatureGuard): boolean[] {
  const native = loadEngine();
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
  // Each block costs a cycle, so the loop stops at the limit.
  core.callbacks = {
    onPageFault: () => false,
    onBlock: (va, size) => {
      const block = code.subarray(va - CODE_VA, va - CODE_VA + size);
      return new Float64Array([guard.missing(block, va) === undefined ? 1 : -1, 1, -1]);
    },
    onPort: () => {},
  };
  return Array.from({ length: code.length / SLOT }, (_, slot) => {
    const pc = CODE_VA + slot * SLOT;
    core.setReg(isa === 'x86-64' ? X86.rdi : X[0]!, BigInt(DATA_VA));
    core.sp = DATA_VA + 2048;
    core.pc = pc;
    core.limit = core.cycles + 1;
    const reason = core.run();
    const undefinedInstruction = isa === 'x86-64' ? 6 : 1;
    const refused =
      reason === ExitReason.illegal || (reason === ExitReason.interrupt && core.interrupt === undefinedInstruction);
    if (refused) assert.equal(core.pc, pc, 'the refused instruction is where the core stopped');
    return !refused;
  });
}
for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`instructions of ${isa} by feature`, () => {
    const listed = Object.entries(instructions[isa]).flatMap(([feature, lines]) =>
      lines.map((line) => ({ feature, line })),
    );
    let code: Uint8Array;
    before(async () => {
      code = await assemble(
        isa,
        listed.map(({ line }) => line),
      );
      assert.equal(code.length, listed.length * SLOT);
    });

    it('is named by the table', async () => {
      const decoder = await Decoder.load(isa);
      const named = listed.map(({ line, feature }, slot) => {
        const [first] = neededFeatures(decoder, code.subarray(slot * SLOT, (slot + 1) * SLOT), 0);
        return [line, first?.feature ?? (feature === 'none' ? 'none' : undefined)];
      });
      assert.deepEqual(
        named,
        listed.map(({ line, feature }) => [line, feature]),
      );
    });

    for (const [model, { number, features }] of Object.entries(cpuModels[isa])) {
      it(`${model} executes what it has and refuses the rest`, async () => {
        const guard = new FeatureGuard(await Decoder.load(isa), features, features);
        const got = executes(isa, number, code, guard);
        const expected = listed.map(({ feature }) => feature === 'none' || features.includes(feature));
        const describe = (flags: readonly boolean[]): string[] =>
          listed.map(({ feature, line }, slot) => `${feature}: ${line}: ${flags[slot] ? 'executed' : 'refused'}`);
        assert.deepEqual(describe(got), describe(expected));
      });
    }

    it('what a description leaves out is refused although the engine has it', async () => {
      const best = cpuModels[isa][isa === 'x86-64' ? 'icelake-server' : 'max']!;
      const decoder = await Decoder.load(isa);
      for (const left of best.features.filter((feature) => feature in instructions[isa])) {
        const features = best.features.filter((feature) => feature !== left);
        const got = executes(isa, best.number, code, new FeatureGuard(decoder, features, best.features));
        const refused = new Set(listed.filter((_, slot) => !got[slot]).map(({ feature }) => feature));
        assert.ok(refused.has(left), left);
        for (const { feature, line } of listed.filter((_, slot) => got[slot])) assert.notEqual(feature, left, line);
      }
    });
  });
}
