import { BlockTable, type BlockTables } from '../core/core.ts';
import type { CodeMap } from '../memory/code-map.ts';
import type { NativeBinding } from '../native/binding.ts';
import type { CostModel } from '../timing/cost-model.ts';
import type { FeatureGuard } from './feature-guard.ts';
import type { Thread } from './thread.ts';

/** How many watched addresses a machine has room for. */
const MOST_COUNTERS = 1 << 17;

/** Counts of entries into watched blocks. */
export interface BlockCounters {
  /** Entries so far, in the order of the addresses given. */
  read(): Float64Array;
  /** Those that one table has counted: one kind of CPU in one program. */
  readOf(table: BlockTable): Float64Array;
}

/** What each block costs on one kind of CPU, and which blocks are counted. */
export class BlockAccounting implements BlockTables {
  /** Shown every block that a CPU of this kind is about to execute for the first time, by checks. */
  observer: ((code: Uint8Array, va: number) => void) | undefined;
  readonly #native: NativeBinding;
  readonly #tables = new Map<CodeMap, BlockTable>();
  /** Of processes that have ended. */
  readonly #spare: BlockTable[] = [];
  readonly #model: CostModel;
  readonly #watch: BlockWatch;
  readonly #guard: FeatureGuard;
  readonly #answer = new Float64Array(3);

  constructor(native: NativeBinding, model: CostModel, watch: BlockWatch, guard: FeatureGuard) {
    this.#native = native;
    this.#model = model;
    this.#watch = watch;
    this.#guard = guard;
  }

  tableFor(code: CodeMap): BlockTable {
    const known = this.#tables.get(code);
    if (known !== undefined) return known;
    const table = this.#spare.pop() ?? this.#newTable();
    this.#tables.set(code, table);
    code.onEnd(() => {
      this.#tables.delete(code);
      table.clear();
      this.#spare.push(table);
    });
    return table;
  }

  #newTable(): BlockTable {
    const table = new BlockTable(this.#native, this.#watch.capacity);
    this.#watch.follow(table);
    return table;
  }

  /** First sight of a block: [cycles, instructions, counter or -1], with negative cycles if the CPU lacks one of its instructions. The array is reused. */
  charge(thread: Thread, va: number, size: number): Float64Array {
    const code = thread.memory.read(va, size);
    this.observer?.(code, va);
    const { cycles, instructions } = this.#model.block(code, va);
    this.#answer[0] = this.#guard.missing(code, va) === undefined ? cycles : -1;
    this.#answer[1] = instructions;
    this.#answer[2] = thread.process.isExecuted ? -1 : this.#watch.indexOf(thread.view, va);
    return this.#answer;
  }
}

/** Watched block addresses per view, with the same counter index in all tables. */
export class BlockWatch {
  readonly #tables: BlockTable[] = [];
  readonly capacity: number;
  readonly #indices = new Map<number, Map<number, number>>();
  #used = 0;

  constructor(capacity: number = MOST_COUNTERS) {
    this.capacity = capacity;
  }

  /** Counts in this table, too. */
  follow(table: BlockTable): void {
    this.#tables.push(table);
    for (const addresses of this.#indices.values()) table.watch([...addresses.keys()]);
  }

  indexOf(view: number, va: number): number {
    return this.#indices.get(view)?.get(va) ?? -1;
  }

  /**
   * Counts entries into the blocks that begin at `addresses` while a thread is in `view`, in the programs that the machine was started with and
   * processes forked from them, not in what those execute. Where views show the same page
   * (outside the overlay window, and inside where a mixed view takes a page as another one has it) a block is counted for whichever of them
   * met it first: the engine keeps what it translated by physical page.
   */
  add(view: number, addresses: readonly number[]): BlockCounters {
    if (this.#used + addresses.length > this.capacity)
      throw new RangeError(`more than ${this.capacity} watched blocks`);
    const own = this.#indices.get(view) ?? new Map<number, number>();
    this.#indices.set(view, own);
    const indices = addresses.map((va) => {
      const index = own.get(va) ?? this.#used++;
      own.set(va, index);
      return index;
    });
    const tables = this.#tables;
    for (const table of tables) table.watch(addresses);
    return {
      readOf: ({ counters }) => Float64Array.from(indices, (index) => counters[index]!),
      read: () => Float64Array.from(indices, (index) => tables.reduce((sum, table) => sum + table.counters[index]!, 0)),
    };
  }
}
