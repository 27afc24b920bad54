import { STT_TLS } from './elf.ts';
import type { ObjectFile } from './object.ts';
import type { InputSection } from './section.ts';

/** What a symbol table entry says about where its symbol is. */
export type SymbolKind = 'undefined' | 'section' | 'absolute' | 'common';

/**
 * One entry of one file's symbol table, or one that the linker itself defines (`file` is then undefined).
 * After resolution every reference leads to the one `LinkSymbol` that defines it.
 */
export class LinkSymbol {
  readonly name: string;
  readonly file: ObjectFile | undefined;
  readonly binding: number;
  type: number;
  visibility: number;
  kind: SymbolKind;
  section: InputSection | undefined;
  /** Offset in the section; the value of an absolute symbol; the alignment of a common one. */
  value: number;
  size: number;
  /** Final virtual address (offset from the start of its module's TLS block + TLS base for TLS symbols). Set by layout. */
  va = 0;
  /** Indices into the tables that relocations asked for; -1: none. */
  gotIndex = -1;
  tlsGotIndex = -1;
  ifuncIndex = -1;
  /** Set for the linker's own symbols that name a place in the image, not a number. */
  isPlace = false;

  constructor(
    name: string,
    file: ObjectFile | undefined,
    binding: number,
    type: number,
    visibility: number,
    kind: SymbolKind,
    section: InputSection | undefined,
    value: number,
    size: number,
  ) {
    this.name = name;
    this.file = file;
    this.binding = binding;
    this.type = type;
    this.visibility = visibility;
    this.kind = kind;
    this.section = section;
    this.value = value;
    this.size = size;
  }

  /** Whether its value changes with the address that a position-independent executable is loaded at. */
  get movesWithImage(): boolean {
    return this.type !== STT_TLS && (this.kind === 'section' || this.kind === 'common' || this.isPlace);
  }

  get isDefined(): boolean {
    return this.kind !== 'undefined';
  }
}

/**
 * The further names of `NAME@@VERSION`, the default version of a symbol: a reference that names no version means it, too (ld manual, "VERSION
 * Command"). `NAME@VERSION` is its own name alone.
 */
export function unversionedNames(name: string): readonly string[] {
  const at = name.indexOf('@@');
  if (at <= 0) return [];
  const base = name.slice(0, at);
  return [base, `${base}${name.slice(at + 1)}`];
}
