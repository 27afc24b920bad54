// How far the long build is, from what ninja prints: steps weigh by how long such steps took, since a file of sql/ takes many times as long as
// one in C, and ninja's own count would be far off.

/** What steps take in proportion to each other: averages of a whole build. */
const weights: readonly (readonly [RegExp, number])[] = [
  [/^Building CXX object (sql|storage|plugin)\//, 15],
  [/^Building CXX object /, 2],
  [/^Building C object /, 1],
  [/^Linking CXX executable /, 3],
];

/** The weight of a step by its description. */
export function weightOf(description: string): number {
  return weights.find(([pattern]) => pattern.test(description))?.[1] ?? 0.2;
}

/** Descriptions of the steps in ninja's output: `[12/677] Building CXX object ...`. */
export function descriptions(output: string): string[] {
  return [...output.matchAll(/^\[\d+\/\d+\] (.+)$/gm)].map((match) => match[1]!);
}

/** Estimates the time left; tells nothing before it has seen enough. */
export class BuildProgress {
  readonly #total: number;
  readonly #started: number;
  #done = 0;
  #rest = '';

  /** `planned`: the descriptions of all steps to come; `now` in ms. */
  constructor(planned: readonly string[], now: number) {
    this.#total = planned.reduce((sum, one) => sum + weightOf(one), 0);
    this.#started = now;
  }

  /** Takes the next piece of ninja's output, which may end within a line. */
  add(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const one of descriptions(lines.join('\n'))) this.#done += weightOf(one);
  }

  /** Share of the work that is done, 0 to 1. */
  get share(): number {
    return this.#total === 0 ? 1 : Math.min(1, this.#done / this.#total);
  }

  /** Milliseconds left at the pace so far; undefined in the first hundredth and in the first seconds. */
  left(now: number): number | undefined {
    const elapsed = now - this.#started;
    if (this.share < 0.01 || elapsed < 5000) return undefined;
    return (elapsed / this.share) * (1 - this.share);
  }

  /** One line for people: `37 %, about 11 min left`. */
  text(now: number): string {
    const left = this.left(now);
    const share = `${Math.floor(this.share * 100)} %`;
    if (left === undefined) return `${share}, in all a quarter of an hour to more than an hour on two CPUs`;
    const minutes = left / 60_000;
    return `${share}, ${minutes < 1 ? 'less than a minute' : `about ${Math.round(minutes)} min`} left`;
  }
}
