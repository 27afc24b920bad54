// The two policies for machines with unlike CPUs, decision by decision; tests/hetero.test.ts and the hetero-pool scenario run them on machines.

import assert from 'node:assert/strict';
import type { CpuKind } from '../emulator/linux/cpu-kind.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import { CpuVariantPolicy } from './cpu-variant-policy.ts';
import type { OverlayManager } from './manager.ts';
import { SigillPolicy } from './sigill-policy.ts';

const features: Readonly<Record<string, readonly string[]>> = {
  little: ['sse2'],
  big: ['sse2', 'aes', 'popcnt'],
};
/** CPUs 0 and 1 are little, 2 and 3 big. */
const cpus = ['little', 'little', 'big', 'big'].map((kind, id) => ({ id, kind }));
const kinds = new Map(
  Object.entries(features).map(([name, list]) => [name, { name, features: list } as unknown as CpuKind]),
);
const kind = (name: string): CpuKind => kinds.get(name)!;

interface FakeThread {
  cpu: (typeof cpus)[number];
  readonly affinity: ReadonlySet<number>;
  variant: number;
  /** A multivariant function is on its stack. */
  inside: boolean;
  managed: boolean;
}

/** As much of kernel and manager as policies use; variants are `base`, `ext` and `other`. */
function machine() {
  const overrides: (readonly [FakeThread, readonly number[] | undefined])[] = [];
  const ends: ((thread: unknown) => void)[] = [];
  const variants = ['base', 'ext', 'other'];
  const kernel = {
    kinds,
    policies: [] as unknown[],
    threadEnds: ends,
    scheduler: {
      cpus,
      override(thread: FakeThread, set: ReadonlySet<number> | undefined) {
        overrides.push([thread, set && [...set]]);
      },
    },
  };
  const manager = {
    variants,
    indexOf: (name: string) => variants.indexOf(name),
    manages: (thread: FakeThread) => thread.managed,
    current: (thread: FakeThread) => thread.variant,
    maySwitch: (thread: FakeThread, variant: number) => thread.variant === variant || !thread.inside,
    switch(thread: FakeThread, variant: number) {
      assert.ok(!thread.inside, 'a switch in the middle of a multivariant function');
      thread.variant = variant;
    },
  };
  const thread = (cpu: number, variant: string, affinity: readonly number[] = [0, 1, 2, 3]): FakeThread => ({
    cpu: cpus[cpu]!,
    affinity: new Set(affinity),
    variant: variants.indexOf(variant),
    inside: false,
    managed: true,
  });
  return {
    kernel: kernel as unknown as Kernel,
    manager: manager as unknown as OverlayManager,
    overrides,
    thread,
    variantOf: (one: FakeThread) => variants[one.variant],
    end: (one: FakeThread) => {
      for (const listener of ends) listener(one);
    },
  };
}

const real = (thread: FakeThread): Thread => thread as unknown as Thread;
const refusal = { pc: 0x401000, instruction: 'aesenc xmm0, xmm1', feature: 'aes' };

describe('the SIGILL policy', () => {
  const setUp = () => {
    const made = machine();
    return { ...made, policy: new SigillPolicy(made.kernel, made.manager, ['ext', 'base']) };
  };

  it('moves a thread whose CPU refused an instruction to those that have it, whatever its affinity says, and learns', () => {
    const { policy, thread, overrides } = setUp();
    const one = thread(0, 'ext', [0, 1]);
    assert.ok(policy.onIllegalInstruction(real(one), refusal));
    assert.deepEqual(overrides, [[one, [2, 3]]]);
    assert.deepEqual(policy.lessons, [
      { kind: 'little', variant: 'ext', feature: 'aes', instruction: refusal.instruction },
    ]);
    const two = thread(1, 'ext');
    assert.ok(policy.onIllegalInstruction(real(two), refusal));
    assert.equal(policy.lessons.length, 1);
    assert.equal(policy.moves, 2);
  });

  it('leaves to the program what no other CPU can do, what is no instruction, and threads that are not managed', () => {
    const { policy, thread, overrides } = setUp();
    assert.ok(!policy.onIllegalInstruction(real(thread(0, 'ext')), { ...refusal, feature: 'avx' }));
    assert.ok(!policy.onIllegalInstruction(real(thread(0, 'ext')), { ...refusal, feature: undefined }));
    assert.ok(!policy.onIllegalInstruction(real({ ...thread(0, 'ext'), managed: false }), refusal));
    assert.ok(
      !policy.onIllegalInstruction(real(thread(2, 'ext')), refusal),
      'this CPU has the feature: another is to blame',
    );
    assert.deepEqual([overrides.length, policy.lessons.length, policy.moves], [0, 0, 0]);
  });

  it('gives the thread a variant that its own CPUs take, and sends it home, at a call outside multivariant functions', () => {
    const { policy, thread, overrides, variantOf } = setUp();
    const one = thread(0, 'ext', [0, 1]);
    policy.onIllegalInstruction(real(one), refusal);
    one.inside = true;
    policy.afterSyscall(real(one));
    assert.deepEqual([variantOf(one), overrides.length], ['ext', 1]);
    one.inside = false;
    policy.afterSyscall(real(one));
    assert.deepEqual([variantOf(one), overrides.at(-1)], ['base', [one, undefined]]);
    policy.afterSyscall(real(one));
    assert.equal(overrides.length, 2);
  });

  it('tries the next variant when that one is refused, too, and keeps the thread away when none is left', () => {
    const { policy, thread, overrides, variantOf } = setUp();
    const one = thread(0, 'ext', [0]);
    for (const wanted of ['base', 'other', 'other']) {
      policy.onIllegalInstruction(real(one), refusal);
      policy.afterSyscall(real(one));
      assert.equal(variantOf(one), wanted);
    }
    assert.deepEqual(overrides.at(-1), [one, [2, 3]]);
  });

  it('lets later threads profit: they change variant before their CPU refuses anything', () => {
    const { policy, thread, variantOf, overrides } = setUp();
    policy.onIllegalInstruction(real(thread(0, 'ext')), refusal);
    const later = thread(1, 'ext', [1]);
    policy.afterSyscall(real(later));
    assert.equal(variantOf(later), 'base');
    const onBig = thread(2, 'ext', [2, 3]);
    policy.afterSyscall(real(onBig));
    assert.equal(variantOf(onBig), 'ext');
    assert.equal(overrides.length, 1);
  });

  it('allows every move as long as it knows nothing; then none in the middle of a refused variant', () => {
    const { policy, thread, variantOf } = setUp();
    const one = thread(2, 'ext');
    one.inside = true;
    assert.ok(policy.allowsMove(real(one), kind('little')));
    policy.onIllegalInstruction(real(thread(0, 'ext')), refusal);
    assert.ok(!policy.allowsMove(real(one), kind('little')));
    assert.ok(policy.allowsMove(real(one), kind('big')));
    one.inside = false;
    assert.ok(policy.allowsMove(real(one), kind('little')));
    policy.onKind(real(one), kind('little'));
    assert.equal(variantOf(one), 'base');
    const plain = thread(2, 'base');
    plain.inside = true;
    assert.ok(policy.allowsMove(real(plain), kind('little')));
  });

  it('forgets threads that end', () => {
    const { policy, thread, overrides, end } = setUp();
    const one = thread(0, 'ext', [0, 1]);
    policy.onIllegalInstruction(real(one), refusal);
    end(one);
    policy.afterSyscall(real(one));
    assert.equal(overrides.length, 1);
  });

  it('needs no preference, and registers itself once', () => {
    const { kernel, manager } = machine();
    assert.equal(new SigillPolicy(kernel, manager, []).lessons.length, 0);
    assert.equal(kernel.policies.length, 1);
  });
});

describe('the policy that gives each thread the variant of its CPU', () => {
  const setUp = () => {
    const made = machine();
    const needs = [
      { variant: 'ext', features: ['aes', 'popcnt'] },
      { variant: 'base', features: [] },
    ];
    return { ...made, policy: new CpuVariantPolicy(made.kernel, made.manager, needs) };
  };
  const arrive = (policy: CpuVariantPolicy, thread: FakeThread, cpu: number): void => {
    thread.cpu = cpus[cpu]!;
    policy.onKind(real(thread), kind(cpus[cpu]!.kind));
  };

  it('switches when the thread comes to a CPU of another kind', () => {
    const { policy, thread, variantOf } = setUp();
    const one = thread(0, 'base');
    const seen = [0, 2, 3, 1].map((cpu) => {
      arrive(policy, one, cpu);
      return variantOf(one);
    });
    assert.deepEqual(seen, ['base', 'ext', 'ext', 'base']);
    assert.equal(policy.switches, 2);
  });

  it('lets no thread to a CPU that lacks what the function that it is in may need, and counts that', () => {
    const { policy, thread } = setUp();
    const one = thread(2, 'ext');
    assert.ok(policy.allowsMove(real(one), kind('little')));
    one.inside = true;
    assert.ok(!policy.allowsMove(real(one), kind('little')));
    assert.ok(policy.allowsMove(real(one), kind('big')));
    assert.equal(policy.refusedMoves, 1);
    const plain = thread(0, 'base');
    plain.inside = true;
    assert.ok(policy.allowsMove(real(plain), kind('big')), 'plain code runs everywhere');
    assert.ok(policy.allowsMove(real({ ...one, managed: false }), kind('little')));
  });

  it('gives the better variant later, when the thread came in the middle of something', () => {
    const { policy, thread, variantOf } = setUp();
    const one = thread(0, 'base');
    one.inside = true;
    arrive(policy, one, 2);
    policy.afterSyscall(real(one));
    assert.equal(variantOf(one), 'base');
    one.inside = false;
    policy.afterSyscall(real(one));
    assert.equal(variantOf(one), 'ext');
    one.inside = true; // nothing is pending any more
    policy.afterSyscall(real(one));
    assert.equal(policy.switches, 1);
  });

  it('forgets what was pending when the thread goes back or ends', () => {
    const { policy, thread, variantOf, end } = setUp();
    const [back, ended] = [thread(0, 'base'), thread(0, 'base')];
    for (const one of [back, ended]) {
      one.inside = true;
      arrive(policy, one, 2);
      one.inside = false;
    }
    arrive(policy, back, 0);
    end(ended);
    ended.cpu = cpus[2]!;
    for (const one of [back, ended]) policy.afterSyscall(real(one));
    assert.deepEqual([variantOf(back), variantOf(ended), policy.switches], ['base', 'base', 0]);
  });

  it('needs a variant for every kind of CPU', () => {
    const { kernel, manager } = machine();
    assert.throws(
      () => new CpuVariantPolicy(kernel, manager, [{ variant: 'ext', features: ['aes'] }]),
      /no variant for CPUs of the kind little/,
    );
  });
});
