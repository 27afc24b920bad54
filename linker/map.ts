import type { LinkResult } from './link.ts';
import { MergePool } from './merge.ts';
import type { OutputSection } from './output.ts';
import { InputSection } from './section.ts';

const hex = (value: number, width: number): string => value.toString(16).padStart(width);

/**
 * A map of the output for people: each output section, what lies in it, and the slots of the overlay window with the
 * size of each variant's body. Columns: address, size, alignment, what.
 */
export function formatMap(result: LinkResult): string {
  const lines: string[] = [`${'VA'.padStart(12)} ${'Size'.padStart(8)} Align Section / Input`];
  const row = (va: number, size: number, align: number, text: string): void => {
    lines.push(`${hex(va, 12)} ${hex(size, 8)} ${String(align).padStart(5)} ${text}`);
  };
  for (const out of result.layout.sections) {
    row(out.va, out.size, out.align, out.name);
    if (out.variant === 0) mapWindow(result, row);
    else for (const line of inputsOf(out)) row(...line);
  }
  const dead = discarded(result);
  if (dead.length > 0) lines.push('', 'Discarded', ...dead.map((text) => `  ${text}`));
  return `${lines.join('\n')}\n`;
}

function inputsOf(out: OutputSection): [number, number, number, string][] {
  return out.chunks.map(({ content, offset, align }) => {
    const what =
      content instanceof InputSection
        ? content.where
        : content instanceof MergePool
          ? '<merged strings and constants>'
          : `<${content.name}>`;
    return [out.va + offset, content.size, align, `        ${what}`];
  });
}

function mapWindow(result: LinkResult, row: (va: number, size: number, align: number, text: string) => void): void {
  const { names } = result.plan.variants;
  for (const f of result.melf?.functions ?? []) {
    const sizes = f.bodies.map((b, v) => {
      const from = b.source === v ? '' : ` (${names[b.source]}'s)`;
      return `${names[v]} ${b.size}${from}`;
    });
    row(f.va, f.slotSize, f.align, `        ${f.unit === '' ? '<comdat>' : f.unit}:(${f.name}) ${sizes.join(', ')}`);
  }
}

function discarded(result: LinkResult): string[] {
  const lines: string[] = [];
  for (const file of result.inputs.objects) {
    for (const section of file.sections) {
      if (section === undefined || !section.isAlloc || section.size === 0 || section.name === '.eh_frame') continue;
      if (section.fate === 'keep' && section.live) continue;
      const why =
        section.fate === 'replace'
          ? `same as ${section.final.where}`
          : section.fate === 'discard'
            ? 'duplicate'
            : 'not used';
      lines.push(`${section.where} ${section.size} bytes: ${why}`);
    }
  }
  return lines;
}
