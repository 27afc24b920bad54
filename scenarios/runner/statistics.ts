import { mean, sampleStandardDeviation } from 'simple-statistics';

/** How much a measure changed, in percent of the baseline; with its 95 % confidence interval where two seeds or more were run. */
export interface RelativeChange {
  readonly percent: number;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** 97.5 % quantile of Student's t distribution for 1 to 30 degrees of freedom (NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2). */
const quantiles: readonly number[] = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/** The same for more: the quantile for 30 is the larger one, so the interval is not too narrow. */
const tQuantile = (degrees: number): number => quantiles[Math.min(degrees, quantiles.length) - 1] ?? Number.NaN;

/** Mean of a sample with its 95 % confidence interval (t distribution). */
export function meanWithInterval(sample: readonly number[]): { mean: number; low?: number; high?: number } {
  const middle = mean([...sample]);
  if (sample.length < 2) return { mean: middle };
  const half = (tQuantile(sample.length - 1) * sampleStandardDeviation([...sample])) / Math.sqrt(sample.length);
  return { mean: middle, low: middle - half, high: middle + half };
}

/**
 * The change against a baseline, paired: `values[i]` and `baseline[i]` come from runs with the same seed, that is with the same
 * requests at the same think times, so what the seed does to both cancels out.
 */
export function relativeChange(values: readonly number[], baseline: readonly number[]): RelativeChange | undefined {
  if (values.length === 0 || values.length !== baseline.length) return undefined;
  const changes = values.map((value, index) => (value / baseline[index]! - 1) * 100);
  const { mean: percent, low, high } = meanWithInterval(changes);
  return { percent, low, high };
}
