// Switch safety for a whole run: the program that was started, and every one that a process goes on to execute.

import { MelfError } from '../../base/errors.ts';
import type { Process } from '../../emulator/linux/process.ts';
import { type MelfFile, readMelf } from '../../linker/melf-reader.ts';
import { inProcess } from '../load-bias.ts';
import { type SafetyMode, SwitchSafety } from './switch-safety.ts';

/** Watches the switches of a process and of its descendants. */
export class SafetyWatch {
  readonly mode: SafetyMode;
  readonly #programs: SwitchSafety[] = [];

  /**
   * @param process as it was started, before it runs
   * @throws MelfError when it holds no variants
   */
  constructor(process: Process, file: MelfFile, mode: SafetyMode) {
    this.mode = mode;
    if (mode === 'off') return;
    this.#watch(process, file);
    process.kernel.execs.push((executing, image) => {
      try {
        const executed = readMelf(image);
        if (executed.melf !== undefined) this.#watch(executing, executed);
      } catch (error) {
        if (!(error instanceof MelfError)) throw error;
        executing.kernel.report(`switches of ${executing.exe} are not watched: ${error.message}`, error.hint);
      }
    });
  }

  #watch(process: Process, file: MelfFile): void {
    const safety = new SwitchSafety(inProcess(process, file), this.mode);
    safety.watch(process);
    this.#programs.push(safety);
  }

  #sum(count: (safety: SwitchSafety) => number): number {
    return this.#programs.reduce((sum, safety) => sum + count(safety), 0);
  }

  /** Switches looked at. */
  get checks(): number {
    return this.#sum(({ checks }) => checks);
  }

  /** Those of them that were not safe. */
  get unsafe(): number {
    return this.#sum(({ reports }) => reports.length);
  }

  /** Pages of memory searched for saved contexts in them. */
  get pagesSearched(): number {
    return this.#sum(({ pagesSearched }) => pagesSearched);
  }
}
