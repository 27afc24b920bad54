import type { CorePool } from '../core/core-pool.ts';
import type { CostModel } from '../timing/cost-model.ts';
import type { BlockAccounting } from './block-accounting.ts';
import type { FeatureGuard } from './feature-guard.ts';

/** What CPUs of one kind have in common: the engine's model of them and the costs of blocks on them. */
export interface CpuKind {
  readonly name: string;
  /** Of the machine description. */
  readonly model: string;
  readonly features: readonly string[];
  /** Kinds of the same engine model share their cores. */
  readonly pool: CorePool;
  readonly accounting: BlockAccounting;
  readonly costs: CostModel;
  readonly guard: FeatureGuard;
}
