import { SHF_ALLOC } from './elf.ts';
import type { MelfInfo } from './melf-format.ts';
import type { MelfFile } from './melf-reader.ts';

/**
 * The same file with the addresses that it has in a process: `bias` is what the loader added to those of the file. Only
 * position-independent executables have one other than 0.
 */
export function loadedAt(file: MelfFile, bias: number): MelfFile {
  const step = bias - file.bias;
  if (step === 0) return file;
  const moved = <T extends { readonly va: number }>(list: readonly T[]): T[] =>
    list.map((one) => ({ ...one, va: one.va + step }));
  const { melf, genmeta } = file;
  const melfThere = melf === undefined ? undefined : movedInfo(melf, step, moved);
  return {
    ...file,
    bias,
    entry: file.entry + step,
    segments: moved(file.segments),
    sections: file.sections.map((s) => ((s.flags & SHF_ALLOC) === 0 ? s : { ...s, va: s.va + step })),
    melf: melfThere,
    genmeta: genmeta === undefined ? undefined : { ...genmeta, windowVa: genmeta.windowVa + step },
    symbols: () => moved(file.symbols()),
    body: (f, variant) => {
      const at = f.va - melfThere!.windowVa;
      return file.window(variant).subarray(at, at + f.bodies[variant]!.size);
    },
  };
}

function movedInfo(
  melf: MelfInfo,
  step: number,
  moved: <T extends { readonly va: number }>(list: readonly T[]) => T[],
): MelfInfo {
  // 0 says that there is none.
  const place = (va: number): number => (va === 0 ? 0 : va + step);
  return {
    ...melf,
    windowVa: place(melf.windowVa),
    markerVa: place(melf.markerVa),
    functions: moved(melf.functions),
    pageGroups: moved(melf.pageGroups),
    variants: melf.variants.map((v) => ({
      ...v,
      ehFrameVa: place(v.ehFrameVa),
      ehFrameHdrVa: place(v.ehFrameHdrVa),
    })),
  };
}
