import type { BlockTable } from '../../emulator/core/core.ts';
import type { BlockCounters } from '../../emulator/linux/block-accounting.ts';
import type { CpuKind } from '../../emulator/linux/cpu-kind.ts';
import type { Kernel } from '../../emulator/linux/kernel.ts';
import type { Process } from '../../emulator/linux/process.ts';
import type { AbsentInstruction, BlockStart } from './run-record.ts';

/**
 * Watches for instructions that some kind of CPU lacks. What each kind comes to for the first time is decoded. Every entry into blocks that are
 * known to hold such instructions is counted, kind by kind; where none are known, they are found.
 */
export class ExtensionWatch {
  /** What kinds came to although they lack it. */
  readonly absent: AbsentInstruction[] = [];
  /** Blocks that hold what some kind lacks, whoever came to them, where none were known. */
  readonly starts: BlockStart[] = [];
  readonly #kernel: Kernel;
  readonly #tables: ReadonlyMap<string, BlockTable>;
  readonly #counters: readonly BlockCounters[];

  /** @param known blocks to be counted: those of an earlier run's `starts`, since a block must be watched before it is translated */
  constructor(kernel: Kernel, process: Process, known: readonly BlockStart[] | undefined) {
    this.#kernel = kernel;
    const kinds = [...kernel.kinds.values()];
    this.#tables = new Map(kinds.map(({ name, accounting }) => [name, accounting.tableFor(process.space.codeMap)]));
    const counted = known ?? [];
    this.#counters = [...new Set(counted.map(({ view }) => view))].map((view) =>
      kernel.watchBlocks(
        view,
        counted.filter((one) => one.view === view).map(({ va }) => va),
      ),
    );
    const seen = new Set<string>();
    for (const kind of kinds) {
      kind.accounting.observer = (code, va) => {
        const thread = kernel.scheduler.current!;
        const first = kind.guard.firstAbsent(code, va); // what stands behind it in the block is reached only if it was executed
        if (known === undefined && (first !== undefined || this.#lackedElsewhere(kind, code, va)))
          this.starts.push({ view: thread.view, va });
        if (first === undefined) return;
        const { va: pc, text: instruction, feature } = first;
        const variant = kernel.variantNamer?.(thread, pc);
        const key = `${kind.name} ${variant} ${pc}`;
        if (seen.has(key)) return;
        seen.add(key);
        this.absent.push({ kind: kind.name, pc, instruction, feature: feature!, variant });
      };
    }
  }

  #lackedElsewhere(kind: CpuKind, code: Uint8Array, va: number): boolean {
    for (const other of this.#kernel.kinds.values())
      if (other !== kind && other.guard.firstAbsent(code, va) !== undefined) return true;
    return false;
  }

  /** How often each kind entered the known blocks. */
  entries(): Record<string, number> {
    return Object.fromEntries(
      [...this.#tables].map(([kind, table]) => {
        const counts = this.#counters.flatMap((counters) => [...counters.readOf(table)]);
        return [kind, counts.reduce((sum, count) => sum + count, 0)];
      }),
    );
  }
}
