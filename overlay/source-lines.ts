// Files and lines for code addresses of one process, where its executable has debug information.

import { basename } from 'node:path';
import { SourceMap } from '../linker/debug/source-map.ts';
import { InputError } from '../linker/errors.ts';
import type { MelfFile } from '../linker/melf-reader.ts';

export class SourceLines {
  readonly #file: MelfFile;
  readonly #bias: number;
  readonly #map: SourceMap;
  /** What is wrong with the debug information, once that was found out. */
  problem: string | undefined;

  /** @param bias what the loader added to the addresses of `file` */
  constructor(file: MelfFile, path: string, bias: number) {
    this.#file = file;
    this.#bias = bias;
    this.#map = new SourceMap(file, path);
  }

  /**
   * `file.c:12` for an address of the process, as code of a variant (by name; '' in a program without variants). Undefined where nothing tells,
   * and for an address in the overlay window when no variant is given: what is there depends on it.
   */
  at(address: number, variant: string | undefined): string | undefined {
    const { melf } = this.#file;
    const va = address - this.#bias;
    const inWindow = melf !== undefined && va >= melf.windowVa && va < melf.windowVa + melf.windowSize;
    const index = melf?.variants.findIndex(({ name }) => name === variant) ?? 0;
    if ((inWindow && index < 0) || this.problem !== undefined) return undefined;
    try {
      const [frame] = this.#map.frames(va, Math.max(index, 0));
      return frame?.file === undefined || frame.line === 0 ? undefined : `${basename(frame.file)}:${frame.line}`;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.problem = error.message;
      return undefined;
    }
  }
}
