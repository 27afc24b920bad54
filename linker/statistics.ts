import type { LinkResult } from './link.ts';
import { BODY_FILLED } from './melf-format.ts';

/** What a link made of its inputs, in bytes. */
export interface Sizes {
  readonly inputs: number;
  readonly file: number;
  /** Gaps that alignment left between pieces, in the file and in the address space. */
  readonly padding: number;
  /** Of the window, for all variants together: what their bodies leave of their slots, and between the slots. */
  readonly windowPadding: number;
  /** Code and data of other variants' objects for which the default variant's stands, since both are equal. */
  readonly shared: number;
  /** What the file holds because there is more than one variant: their windows, unwind tables, debug information and metadata. */
  readonly growth: number;
}

/** Measures a finished link. */
export function sizesOf({ bytes, inputs, layout, plan, melf }: LinkResult): Sizes {
  let padding = 0;
  let growth = 0;
  const others = plan.variants.names.slice(1);
  for (const out of layout.sections) {
    const ofOther = out.variant > 0 || others.some((name) => out.name.endsWith(`.${name}`));
    if (ofOther || out.name === '.melf' || out.name === '.genmeta') growth += out.size;
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
  return { inputs: read, file: bytes.length, padding, windowPadding, shared, growth };
}

/** For `--stats`: time and memory of each phase and of the whole process from its start, then the sizes. */
export function formatStatistics(result: LinkResult, wholeMilliseconds: number): string {
  const row = (what: string, milliseconds: number, memory: number): string =>
    `${what.padEnd(10)} ${milliseconds.toFixed(1).padStart(8)} ms ${(memory / 2 ** 20).toFixed(0).padStart(6)} MiB`;
  const phases = result.times.map(([phase, milliseconds, memory]) => row(phase, milliseconds, memory));
  const sizes = sizesOf(result);
  const size = (what: string, bytes: number): string => `${what.padEnd(36)} ${bytes.toString().padStart(12)} bytes`;
  return [
    ...phases,
    row('all', wholeMilliseconds, process.resourceUsage().maxRSS * 1024),
    size('sections read', sizes.inputs),
    size('file', sizes.file),
    size('padding', sizes.padding),
    ...(result.plan.variants.names.length === 0
      ? []
      : [
          size('padding of the window, all variants', sizes.windowPadding),
          size("shared with the default variant's", sizes.shared),
          size('file growth by variants', sizes.growth),
        ]),
    '',
  ].join('\n');
}
