// `melf run --asan`, and reports of the AddressSanitizer runtime in any run.

import pc from 'picocolors';
import { UsageError } from '../base/arguments.ts';
import { readableNames } from '../base/demangle.ts';
import type { Kernel } from '../emulator/linux/kernel.ts';
import { readMelf } from '../linker/melf-reader.ts';
import { asanReports, hasAsanRuntime } from '../overlay/asan/asan-call.ts';
import { formatReport } from '../overlay/asan/report-text.ts';
import { inProcess } from '../overlay/load-bias.ts';
import { hasLibmelf } from '../overlay/manager-setting.ts';
import { SourceLines } from '../overlay/source-lines.ts';
import { Symboliser } from '../overlay/symboliser.ts';
import { variantIndex } from '../overlay/view-spec.ts';

/** Shows what a guest's runtime finds. */
export class AsanReports {
  /** Errors so far. */
  found = 0;
  #names: Symboliser | undefined;
  #lines: SourceLines | undefined;
  readonly #path: string;
  readonly #elf: Uint8Array;
  readonly #show: (text: string) => void;

  constructor(path: string, elf: Uint8Array, show: (text: string) => void) {
    this.#path = path;
    this.#elf = elf;
    this.#show = show;
  }

  readonly extension: (kernel: Kernel) => void = asanReports((report, { process }) => {
    this.found++;
    if (this.#names === undefined) {
      const file = readMelf(this.#elf);
      const there = inProcess(process, file);
      this.#names = new Symboliser(there);
      this.#lines = new SourceLines(file, this.#path, there.bias - file.bias);
    }
    this.#show(readableNames(formatReport(report, this.#names, this.#lines)));
  });

  /** One line for the end of the run. */
  summary(): string {
    const what = this.found === 0 ? 'no error' : `${this.found} error${this.found === 1 ? '' : 's'}`;
    return `${pc.dim('melf:')} ${what} found by the AddressSanitizer runtime\n`;
  }
}

const sanitises = (flags: string): boolean => /-fsanitize=(kernel-)?address\b/.test(flags);

/**
 * How a program starts in a variant and may still switch by itself: by libmelf, which reads the environment; undefined where it has none, and
 * somebody outside has to choose.
 * @throws ViewSpecError when the program has no such variant.
 */
export function startSetting(elf: Uint8Array, variant: string | undefined): string | undefined {
  if (variant === undefined || !hasLibmelf(elf)) return undefined;
  const { melf } = readMelf(elf);
  if (melf === undefined) return undefined;
  variantIndex(melf, variant);
  return `MELF_VARIANT=${variant}`;
}

/**
 * The variant that `--asan` starts in: the first one that was compiled with the sanitizer; undefined in a program without variants.
 * @throws UsageError when the program cannot find anything.
 */
export function sanitisedVariant(path: string, elf: Uint8Array): string | undefined {
  if (!hasAsanRuntime(elf)) {
    throw new UsageError('run.asan', `${path} was not linked with the AddressSanitizer runtime`, {
      hint: 'docs/guide.md, "AddressSanitizer", says how to compile and link for it.',
    });
  }
  const variants = readMelf(elf).melf?.variants ?? [];
  if (variants.length < 2) return undefined;
  const found = variants.find(({ flags }) => sanitises(flags));
  if (found === undefined) {
    throw new UsageError('run.asan', `No variant of ${path} is recorded as sanitised`, {
      facts: { variants: variants.map(({ name }) => name).join(', ') },
      hint: 'Choose one with --variant and leave --asan away.',
    });
  }
  return found.name;
}
