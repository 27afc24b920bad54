// Which settings are run.

import type { Isa } from '../../emulator/isa/isa.ts';
import { viewModelNames } from '../../emulator/timing/kernel-costs.ts';
import type { Setting } from './run.ts';

/** [MiB mapped, MiB of them touched]; the last one shows that what is mapped but never touched costs nothing. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [4, 4],
  [16, 16],
  [64, 64],
  [256, 256],
  [1024, 1024],
  [4096, 1024],
];
const quickSizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [16, 16],
  [128, 128],
  [4096, 128],
];
/** Beside the base view: 2 to 256 in all. What one view costs is measured in each run before the first CREATE. */
const viewCounts = [1, 3, 7, 15, 31, 63, 127, 255];
const quickViewCounts = [1, 3, 15, 63];
/** Numbers of views that are combined with every size. */
const gridViewCounts = [1, 15, 255];
const quickGridViewCounts = [1, 15];

/** Mapped while the number of views is varied, and while other CPUs are busy. */
export const standardMib = 16;

export interface Plan {
  readonly bySize: readonly Setting[];
  readonly byViews: readonly Setting[];
  /** Every size with some numbers of views. */
  readonly grid: readonly Setting[];
  /** With threads on the other CPUs: none, all in the base view, each in its own. */
  readonly byOthers: readonly Setting[];
}

export function planFor(isa: Isa, quick: boolean): Plan {
  const standard = { isa, mappedMib: standardMib, touchedMib: standardMib, views: 1, others: 0, spread: false };
  const each = (make: (model: Setting['model']) => Setting[]): Setting[] => viewModelNames.flatMap(make);
  return {
    bySize: each((model) =>
      (quick ? quickSizes : sizes).map(([mappedMib, touchedMib]) => ({ ...standard, model, mappedMib, touchedMib })),
    ),
    byViews: each((model) => (quick ? quickViewCounts : viewCounts).map((views) => ({ ...standard, model, views }))),
    grid: each((model) =>
      (quick ? quickSizes : sizes).flatMap(([mappedMib, touchedMib]) =>
        (quick ? quickGridViewCounts : gridViewCounts).map((views) => ({
          ...standard,
          model,
          mappedMib,
          touchedMib,
          views,
        })),
      ),
    ),
    byOthers: each((model) => [
      { ...standard, model, views: 4 },
      { ...standard, model, views: 4, others: 3 },
      { ...standard, model, views: 4, others: 3, spread: true },
    ]),
  };
}
