import { STB_GLOBAL, STT_NOTYPE, STT_OBJECT, STT_TLS, STV_DEFAULT, STV_HIDDEN } from './elf.ts';
import { isCIdentifier } from './gc.ts';
import type { LoadedInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import type { SymbolTable } from './resolution.ts';
import { linkerSymbol } from './resolution.ts';
import type { LinkSymbol } from './symbol.ts';

/** A symbol that the linker defines, and where it will be. */
export interface LinkerSymbol {
  readonly symbol: LinkSymbol;
  /** Output section that it belongs to, if any: its entry in the symbol table then names that. */
  readonly section: string | undefined;
  readonly value: (layout: Layout) => number;
}

const startOf = (name: string) => (layout: Layout) => layout.byName.get(name)?.va ?? layout.imageBase;
const endOf = (name: string) => (layout: Layout) => {
  const out = layout.byName.get(name);
  return out === undefined ? layout.imageBase : out.va + out.size;
};

/** End of the last byte that the file holds for writable data. */
function endOfData(layout: Layout): number {
  let end = endOf('.data')(layout);
  for (const s of layout.sections) {
    if ((s.region === 'data' || s.region === 'relro') && s.type !== 8) end = Math.max(end, s.va + s.size);
  }
  return end;
}

/**
 * Defines the symbols that start-up files, libc and unwinders expect (GNU ld's default script, musl's and glibc's crt),
 * those of the MELF metadata, and `__start_X`/`__stop_X`. An input's own definition wins.
 */
export function provideLinkerSymbols(inputs: LoadedInputs, table: SymbolTable, isPie: boolean): LinkerSymbol[] {
  const made: LinkerSymbol[] = [];
  const add = (
    name: string,
    section: string | undefined,
    value: (layout: Layout) => number,
    type = STT_NOTYPE,
    visibility = STV_HIDDEN,
  ): void => {
    const symbol = linkerSymbol(name, type, STB_GLOBAL, visibility);
    symbol.isPlace = true;
    if (table.provide(symbol)) made.push({ symbol, section, value });
  };
  const base = (layout: Layout): number => layout.imageBase;
  add('__ehdr_start', undefined, base);
  add('__executable_start', undefined, base);
  add('_GLOBAL_OFFSET_TABLE_', '.got', startOf('.got'));
  for (const kind of ['preinit', 'init', 'fini']) {
    add(`__${kind}_array_start`, `.${kind}_array`, startOf(`.${kind}_array`));
    add(`__${kind}_array_end`, `.${kind}_array`, endOf(`.${kind}_array`));
  }
  add('__rela_iplt_start', '.rela.plt', startOf('.rela.plt'));
  add('__rela_iplt_end', '.rela.plt', endOf('.rela.plt'));
  for (const name of ['_etext', 'etext', '__etext']) add(name, '.text', endOf('.text'), STT_NOTYPE, STV_DEFAULT);
  for (const name of ['_edata', 'edata']) add(name, '.data', endOfData, STT_NOTYPE, STV_DEFAULT);
  for (const name of ['_end', 'end']) add(name, '.bss', (layout) => layout.end, STT_NOTYPE, STV_DEFAULT);
  const bss = (layout: Layout) => layout.byName.get('.bss')?.va ?? endOfData(layout);
  add('__bss_start', '.bss', bss, STT_NOTYPE, STV_DEFAULT);
  add('__dso_handle', undefined, base);
  add('__GNU_EH_FRAME_HDR', '.eh_frame_hdr', startOf('.eh_frame_hdr'));
  if (isPie) add('_DYNAMIC', '.dynamic', startOf('.dynamic'));
  add('_TLS_MODULE_BASE_', undefined, (layout) => layout.tls?.start ?? 0, STT_TLS);
  if (inputs.variants.names.length > 0) {
    add('genmeta_start', '.genmeta', startOf('.genmeta'), STT_OBJECT, STV_DEFAULT);
    add('__melf_start', '.melf', startOf('.melf'), STT_OBJECT, STV_DEFAULT);
    add('__melf_end', '.melf', endOf('.melf'), STT_NOTYPE, STV_DEFAULT);
  }
  const names = new Set<string>();
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section?.isAlloc === true && isCIdentifier(section.name)) names.add(section.name);
    }
  }
  for (const name of names) {
    add(`__start_${name}`, name, startOf(name));
    add(`__stop_${name}`, name, endOf(name));
  }
  return made;
}
