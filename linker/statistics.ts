import { EHDR_SIZE, PHDR_SIZE, SHT_NOBITS } from './elf.ts';
import { LinkError } from './errors.ts';
import { type LinkResult, link } from './link.ts';
import { BODY_FILLED } from './melf-format.ts';
import type { LinkOptions } from './options.ts';

/** What a link made of its inputs, in bytes. */
export interface Sizes {
  readonly inputs: number;
  readonly file: number;
  /** Gaps that alignment left in the file: between the pieces of a section, and between sections, whose segments begin at pages. */
  readonly padding: number;
  /** Of the window, for all variants together: what their bodies leave of their slots, and between the slots. */
  readonly windowPadding: number;
  /** Code and data of other variants' objects for which the default variant's stands, since both are equal. */
  readonly shared: number;
}

/** Measures a finished link. */
export function sizesOf({ bytes, inputs, layout, plan, melf }: LinkResult): Sizes {
  let padding = 0;
  let filled = EHDR_SIZE + layout.segments.length * PHDR_SIZE;
  const inFile = layout.sections.filter(({ type, size }) => type !== SHT_NOBITS && size > 0);
  for (const out of inFile.sort((a, b) => a.offset - b.offset)) {
    padding += out.offset - filled;
    filled = out.offset + out.size;
    let end = 0;
    for (const { content, offset } of out.chunks) {
      padding += offset - end;
      end = offset + content.size;
    }
  }
  let windowPadding = 0;
  if (layout.window !== undefined && melf !== undefined) {
    for (const v of plan.variants.names.keys()) {
      const code = melf.functions.reduce((sum, { bodies }) => sum + (bodies[v]?.size ?? 0), 0);
      windowPadding += layout.window.size - code;
    }
  }
  let shared = 0;
  let read = 0;
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section === undefined) continue;
      read += section.data.length;
      if (section.isAlloc && section.fate === 'replace') shared += section.size;
    }
  }
  for (const { bodies } of melf?.functions ?? []) {
    for (const [v, { flags, size }] of bodies.entries()) if (v > 0 && (flags & BODY_FILLED) !== 0) shared += size;
  }
  return { inputs: read, file: bytes.length, padding, windowPadding, shared };
}

/**
 * By how many bytes a link's file is larger than that of its default variant alone, which is linked for that: windows, larger slots, tables,
 * symbols and debug information of the others, and what alignment makes of all these. The reason where the default variant does not link alone.
 */
export function growthOf({ bytes, plan }: LinkResult, options: LinkOptions): number | string {
  const name = plan.variants.names[plan.variants.defaultIndex]!;
  const inputs = options.inputs.filter(({ variant }) => variant === undefined || variant === name);
  const variants = (options.variants ?? []).filter((variant) => variant.name === name);
  try {
    const own = { ...options, inputs, variants, defaultVariant: name, measure: false };
    const alone = link({ ...own, common: undefined, multivariant: undefined, pageAlign: undefined });
    return bytes.length - alone.bytes.length;
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return error.message.split('\n')[0]!;
  }
}

/** For `--stats`: time and memory of each phase and of the whole process from its start, then the sizes. */
export function formatStatistics(result: LinkResult, options: LinkOptions): string {
  const [whole, most] = [performance.now(), process.resourceUsage().maxRSS];
  const row = (what: string, milliseconds: number, memory: number): string =>
    `${what.padEnd(10)} ${milliseconds.toFixed(1).padStart(8)} ms ${(memory / 2 ** 20).toFixed(0).padStart(6)} MiB`;
  const phases = result.times.map(([phase, milliseconds, memory]) => row(phase, milliseconds, memory));
  const sizes = sizesOf(result);
  const size = (what: string, bytes: number | string): string =>
    `${what.padEnd(36)} ${typeof bytes === 'string' ? `unknown: ${bytes}` : `${bytes.toString().padStart(12)} bytes`}`;
  return [
    ...phases,
    row('all', whole, most * 1024),
    size('sections read', sizes.inputs),
    size('file', sizes.file),
    size('padding', sizes.padding),
    ...(result.plan.variants.names.length === 0
      ? []
      : [
          size('padding of the window, all variants', sizes.windowPadding),
          size("shared with the default variant's", sizes.shared),
          size('file growth by variants', growthOf(result, options)),
        ]),
    '',
  ].join('\n');
}
