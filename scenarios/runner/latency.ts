import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

/** Times in ns of virtual time. */
export interface LatencySummary {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** What travels from the process that measured to the one that reports. */
export interface RecordedLatencies {
  readonly count: number;
  readonly sum: number;
  readonly histogram: string;
}

/** One point of a cumulative distribution: this share of all requests took at most `value` ns. */
export interface DistributionPoint {
  readonly value: number;
  readonly share: number;
}

/** Up to a minute, to three decimal digits. */
const histogramOptions = {
  lowestDiscernibleValue: 1,
  highestTrackableValue: 60e9,
  numberOfSignificantValueDigits: 3,
} as const;

/** Collects latencies: the mean is exact, percentiles are good to three digits. */
export class Latencies {
  #sum = 0;
  #count = 0;
  readonly #histogram: Histogram = build(histogramOptions);

  record(nanoseconds: number): void {
    this.#sum += nanoseconds;
    this.#count++;
    this.#histogram.recordValue(Math.max(1, Math.round(nanoseconds)));
  }

  add(recorded: RecordedLatencies): void {
    if (recorded.count === 0) return;
    this.#sum += recorded.sum;
    this.#count += recorded.count;
    this.#histogram.add(decodeFromCompressedBase64(recorded.histogram));
  }

  recorded(): RecordedLatencies {
    return { count: this.#count, sum: this.#sum, histogram: encodeIntoCompressedBase64(this.#histogram) };
  }

  get count(): number {
    return this.#count;
  }

  /** `undefined` when nothing was recorded. */
  summary(): LatencySummary | undefined {
    if (this.#count === 0) return undefined;
    const at = (percent: number): number => this.#histogram.getValueAtPercentile(percent);
    return {
      count: this.#count,
      mean: this.#sum / this.#count,
      p50: at(50),
      p95: at(95),
      p99: at(99),
      max: this.#histogram.maxValue,
    };
  }

  /** The distribution in steps of half a percent up to 99 %, finer above, where plots show the tail. */
  distribution(): DistributionPoint[] {
    if (this.#count === 0) return [];
    const shares = [...Array.from({ length: 198 }, (_, step) => (step + 1) / 200), 0.992, 0.994, 0.996, 0.998, 0.999];
    return shares.map((share) => ({ share, value: this.#histogram.getValueAtPercentile(share * 100) }));
  }
}

/** The latencies of several runs as one. */
export function merged(runs: readonly RecordedLatencies[]): Latencies {
  const all = new Latencies();
  for (const run of runs) all.add(run);
  return all;
}
