// Every instruction of a list on every CPU model: the engine refuses it exactly where the model's features say so.

import assert from 'node:assert/strict';
import { FeatureGuard } from '../linux/feature-guard.ts';
import { baseline, cpuModels } from '../scheduler/machines/cpu-models.ts';
import { assemble, prober, SLOT } from '../tests/slots.ts';
import { aarch64Forms } from './aarch64/instruction-forms.ts';
import { Decoder } from './decoder.ts';
import { instructionNeeds } from './instruction-features.ts';
import type { Isa } from './isa.ts';
import { x86Forms } from './x86-64/instruction-forms.ts';

const forms: Readonly<Record<Isa, Readonly<Record<string, readonly string[]>>>> = {
  'x86-64': x86Forms,
  aarch64: aarch64Forms,
};

interface Form {
  /** None for what every CPU has. */
  readonly features: readonly string[];
  readonly line: string;
}

const formsOf = (isa: Isa): Form[] =>
  Object.entries(forms[isa]).flatMap(([key, lines]) =>
    lines.map((line) => ({ features: key === 'none' ? [] : key.split(' '), line })),
  );

for (const isa of ['x86-64', 'aarch64'] as const) {
  describe(`instructions of ${isa} by feature`, () => {
    const listed = formsOf(isa);
    let code: Uint8Array;
    let decoder: Decoder;
    before(async () => {
      code = await assemble(
        isa,
        listed.map(({ line }) => line),
      );
      assert.equal(code.length, listed.length * SLOT);
      decoder = await Decoder.load(isa);
    });

    const show = (lacked: readonly (string | undefined)[]): string[] =>
      listed.map(({ line }, slot) => `${line}: ${lacked[slot] === undefined ? 'executed' : `lacks ${lacked[slot]}`}`);
    const expected = (features: readonly string[]): string[] =>
      show(listed.map((form) => form.features.find((feature) => !features.includes(feature))));

    it('is named by the table', () => {
      const named = listed.map(({ line }, slot) => {
        const [first] = instructionNeeds(decoder, code.subarray(slot * SLOT, (slot + 1) * SLOT), 0);
        return [line, first?.features];
      });
      assert.deepEqual(
        named,
        listed.map(({ line, features }) => [line, features]),
      );
    });

    it('lists something for every feature that a description can leave out', () => {
      const withForms = new Set(listed.flatMap(({ features }) => features));
      const models = Object.values(cpuModels[isa]).flatMap(({ features }) => features);
      const without = models.filter((one) => !baseline[isa].includes(one) && !withForms.has(one));
      assert.deepEqual([...new Set(without)], isa === 'x86-64' ? ['abm'] : []); // lzcnt is bsr where it is missing
    });

    for (const [model, { number, features }] of Object.entries(cpuModels[isa])) {
      it(`${model} executes what it has and refuses the rest`, () => {
        const got = prober(isa, number, code)(new FeatureGuard(decoder, features, features));
        assert.deepEqual(show(got), expected(features));
      });
    }

    for (const [model, { number, features: all }] of Object.entries(cpuModels[isa])) {
      it(`${model} refuses what a description leaves out`, function () {
        this.timeout(60_000);
        const optional = all.filter((feature) => !baseline[isa].includes(feature));
        const some = optional.map((left) => all.filter((feature) => feature !== left));
        const probe = prober(isa, number, code);
        for (const features of [...some, baseline[isa]]) {
          const got = probe(new FeatureGuard(decoder, features, all));
          assert.deepEqual(show(got), expected(features));
        }
      });
    }
  });
}
