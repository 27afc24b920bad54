// Instructions that a CPU lacks, where a guard that looks at names, or at what a disassembler knows, might not see them.

import assert from 'node:assert/strict';
import { Decoder } from '../isa/decoder.ts';
import type { Isa } from '../isa/isa.ts';
import { baseline, cpuModels } from '../scheduler/machines/cpu-models.ts';
import { assemble, prober, SLOT } from '../tests/slots.ts';
import { FeatureGuard } from './feature-guard.ts';

const bytesOf = (hex: string): string => `.byte ${hex.replace(/\w+/g, '0x$&').replaceAll(' ', ', ')}`;
const wordOf = (word: number): string => `.inst 0x${word.toString(16)}`;

/** What a model with only these features lacks for each instruction; undefined where it executes it. */
async function lacked(
  isa: Isa,
  model: string,
  features: readonly string[],
  lines: readonly string[],
): Promise<(string | undefined)[]> {
  const code = await assemble(isa, lines);
  assert.equal(code.length, lines.length * SLOT);
  const { number, features: all } = cpuModels[isa][model]!;
  return prober(isa, number, code)(new FeatureGuard(await Decoder.load(isa), features, all));
}

describe('instructions of x86-64 that hide', () => {
  const base = baseline['x86-64'];
  const whole = cpuModels['x86-64']['icelake-server']!.features;

  it('behind prefixes are refused as without them', async () => {
    const cmpxchg16b = '48 0f c7 0f';
    const prefixes = ['', 'f0', 'f2 f0', 'f3 f0', '66', 'f2', 'f3'];
    const lines = prefixes.map((prefix) => bytesOf(`${prefix} ${cmpxchg16b}`.trim()));
    const got = await lacked('x86-64', 'qemu64', base, lines);
    // With some of the prefixes the disassembler, or the engine, knows no such instruction: refused, too.
    assert.deepEqual(
      got.map((feature) => feature === 'cx16' || feature === 'nothing'),
      prefixes.map(() => true),
      got.join(),
    );
    assert.equal(got.filter((feature) => feature === 'cx16').length >= 4, true, got.join());
  });

  /** Reserved no-operations, LFENCE's and FCOM's second forms: the disassembler knows none of them. */
  const openers = ['0f 1c c8', '0f ae f1', 'dc d0'];
  const followers = {
    'haddpd xmm0, xmm1': '66 0f 7c c1',
    lahf: '9f',
    'cmpxchg16b [rdi]': '48 0f c7 0f',
    'popcnt eax, ecx': 'f3 0f b8 c1',
    'pshufb xmm0, xmm1': '66 0f 38 00 c1',
    'aesenc xmm0, xmm1': '66 0f 38 dc c1',
    'rdrand eax': '0f c7 f0',
    'vaddps xmm0, xmm0, xmm1': 'c5 f8 58 c1',
  };
  const hidden = openers.flatMap((opener) =>
    Object.values(followers).map((follower) => bytesOf(`${opener} ${follower}`)),
  );

  for (const [model, features] of [
    ['qemu64', base],
    ['icelake-server', base],
  ] as const) {
    it(`behind bytes that the disassembler does not know are not executed: ${model} with the baseline`, async () => {
      const got = await lacked('x86-64', model, features, hidden);
      assert.deepEqual(
        hidden.filter((_, index) => got[index] === undefined),
        [],
      );
    });
  }

  it('behind such bytes AVX is not executed by a CPU that has all of its model', async () => {
    const avx = openers.map((opener) => bytesOf(`${opener} ${followers['vaddps xmm0, xmm0, xmm1']}`));
    assert.ok((await lacked('x86-64', 'icelake-server', whole, avx)).every((feature) => feature !== undefined));
  });

  it('with prefixes that mean nothing are not executed', async () => {
    const lines = ['f3 66 0f 7c c1', 'f3 66 0f 38 00 c1'].map(bytesOf);
    assert.ok((await lacked('x86-64', 'qemu64', base, lines)).every((feature) => feature !== undefined));
  });

  it('are refused for that reason: the same followers alone execute on the whole model', async () => {
    const known = Object.entries(followers).filter(([name]) => !name.startsWith('v'));
    const got = await lacked(
      'x86-64',
      'icelake-server',
      whole,
      known.map(([, bytes]) => bytesOf(bytes)),
    );
    assert.deepEqual(
      got,
      known.map(() => undefined),
    );
  });
});

describe('AArch64 words of half-precision miscellany', function () {
  this.timeout(60_000);
  /** The class "Advanced SIMD two-register miscellaneous (FP16)" by its fields, in both forms and at both lengths. */
  const words = [0, 1].flatMap((u) =>
    [0, 1].flatMap((a) =>
      Array.from({ length: 32 }, (_, opcode) => opcode).flatMap((opcode) =>
        [0x0e780800, 0x4e780800, 0x5e780800].map(
          (form) => (form | (u << 29) | (a << 23) | (opcode << 12) | (1 << 5)) >>> 0,
        ),
      ),
    ),
  );

  it('are executed or refused, and none ends the engine', async () => {
    const { features } = cpuModels.aarch64.max!;
    const got = await lacked('aarch64', 'max', features, words.map(wordOf));
    const executed = words.filter((_, index) => got[index] === undefined);
    // 29 vector instructions in two lengths and 20 scalar ones (Arm ARM, tables "Advanced SIMD ... two-register miscellaneous FP16").
    assert.equal(executed.length, 2 * 29 + 20);
    assert.ok(executed.includes(0x4ef8f820), 'fabs v0.8h, v1.8h');
    assert.ok(!executed.includes(0x0ef96820));
  });

  it('are all refused by a CPU without half precision', async () => {
    const { features } = cpuModels.aarch64['cortex-a53']!;
    const got = await lacked('aarch64', 'cortex-a53', features, words.map(wordOf));
    assert.deepEqual(
      words.filter((_, index) => got[index] === undefined),
      [],
    );
  });
});
