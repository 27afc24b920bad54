import { Addresses, checkDeadReferences, placeLinkerSymbols } from './addresses.ts';
import { buildIdPlacement, writeBuildId } from './build-id.ts';
import { Defsyms } from './defsyms.ts';
import { dynamicPlacements, findRelativeWords } from './dynamic.ts';
import type { FrameSection } from './eh-frame.ts';
import { parseFrames } from './eh-frame.ts';
import { SHF_ALLOC, SHF_WRITE, SHT_NOBITS, STT_OBJECT, writeU64 } from './elf.ts';
import type { Diagnostic } from './errors.ts';
import { Diagnostics } from './errors.ts';
import { wantsExecutableStack } from './executable-stack.ts';
import { buildFrameTables } from './frame-table.ts';
import { markLive } from './gc.ts';
import { mergeProperties, propertyPlacements } from './gnu-property.ts';
import type { LoadedInputs } from './inputs.ts';
import { loadInputs } from './inputs.ts';
import type { Layout } from './layout.ts';
import { layOut, PAGE } from './layout.ts';
import { provideLinkerSymbols } from './linker-symbols.ts';
import type { MelfInfo, MelfVariant } from './melf-format.ts';
import { MELF_VERSION_MAJOR, MELF_VERSION_MINOR } from './melf-format.ts';
import { encodeMelf } from './melf-writer.ts';
import { splitMergeSection } from './merge.ts';
import { COMMON, MACHINE_OF_ISA } from './object.ts';
import { turnOldLists } from './old-arrays.ts';
import type { LinkOptions } from './options.ts';
import { reportPartialData } from './partial-data.ts';
import { BACKENDS } from './relocation/select.ts';
import { checkImageBase, checkPatterns, checkRequired } from './requests.ts';
import type { SymbolTable } from './resolution.ts';
import { bindReferences, resolveSymbols } from './resolution.ts';
import { InputSection } from './section.ts';
import { buildSymbolTable } from './symbol-table.ts';
import { reportSymbolWarnings } from './symbol-warnings.ts';
import type { Finished } from './synthetic.ts';
import { framePlacements, metadataPlacements, tablePlacements } from './synthetic.ts';
import { scanRelocations } from './tables.ts';
import { checkThreadLocals } from './thread-locals.ts';
import { checkTypeAgreement } from './type-agreement.ts';
import type { VariantPlan } from './variants.ts';
import { planVariants } from './variants.ts';
import type { Veneers } from './veneers.ts';
import { planVeneers } from './veneers.ts';
import { Window } from './window.ts';
import type { Written } from './write.ts';
import { writeFile } from './write.ts';

/** A finished link. */
export interface LinkResult {
  /** The executable. */
  readonly bytes: Uint8Array;
  /** Contents of its `.melf` section; undefined when no variant was declared. */
  readonly melf: MelfInfo | undefined;
  readonly warnings: readonly Diagnostic[];
  readonly inputs: LoadedInputs;
  readonly layout: Layout;
  readonly plan: VariantPlan;
  /** Of each phase, in order: its milliseconds, and the process's memory at its end, bytes. Empty unless `measure` is set. */
  readonly times: readonly (readonly [phase: string, milliseconds: number, memory: number])[];
}

/**
 * Links objects and archives into a static executable, multivariant when `variants` names two or more.
 * The result depends on the options and the inputs' bytes only.
 * @throws LinkError (all problems of the first failing phase) or InputError (a file that cannot be read as what it is).
 */
export function link(options: LinkOptions): LinkResult {
  const isPie = options.pie === true;
  const diagnostics = new Diagnostics(options.errorLimit);
  /** Errors that later phases find more beside: of duplicates the first is taken, as `multipleDefinitions` does. */
  let harmless = 0;
  const check = (): void => {
    if (diagnostics.errorCount > harmless) diagnostics.check();
  };
  const times: [string, number, number][] = [];
  let before = options.measure === true ? performance.now() : 0;
  const phase = <T>(name: string, run: () => T): T => {
    const result = run();
    if (options.measure === true) {
      const now = performance.now();
      times.push([name, now - before, process.memoryUsage.rss()]);
      before = now;
    }
    check();
    return result;
  };

  const defsyms = new Defsyms(options.defsyms ?? {});
  const inputs = phase('inputs', () => loadInputs(options, defsyms, diagnostics));
  const backend = BACKENDS[inputs.isa];
  checkImageBase(options.imageBase, isPie, backend.maxPage);
  const frameSections = phase('sections', () => {
    turnOldLists(inputs);
    return splitSections(inputs);
  });
  phase('types', () => checkTypeAgreement(inputs, diagnostics));
  const table = phase('symbols', () => {
    const found = resolveSymbols(inputs, options, diagnostics);
    harmless = diagnostics.errorCount;
    return found;
  });
  defsyms.declare(table);
  allocateCommons(table);
  const linkerSymbols = provideLinkerSymbols(inputs, table, isPie);
  defsyms.bind(table, isPie);
  checkRequired(options, table, diagnostics);
  check();
  bindReferences(inputs, options, table);
  checkThreadLocals(inputs, diagnostics);
  reportSymbolWarnings(inputs, diagnostics);
  check();
  const plan = phase('variants', () => planVariants(inputs, options, table, diagnostics));
  checkPatterns(inputs, options, plan, diagnostics);
  phase('gc', () => {
    markLive(inputs, options, table, frameSections, defsyms.targets);
    reportPartialData(plan, options.strictData === true, diagnostics);
  });
  const tables = phase('scan', () => {
    // Whoever reads of duplicates reads of what is missing, too.
    harmless = 0;
    checkDeadReferences(inputs, diagnostics);
    return scanRelocations(inputs, table, backend, diagnostics, isPie);
  });

  const executableStack = wantsExecutableStack(inputs, options, diagnostics);
  const slots = plan.slots.filter((slot) => slot.bodies.some((b) => b.section?.live === true));
  const window = slots.length > 0 ? new Window(slots) : undefined;
  const finished: Finished = { addresses: undefined };
  const frames = buildFrameTables(frameSections.values(), plan.variants.names.length);
  const words = isPie ? phase('addresses', () => findRelativeWords(inputs, backend, diagnostics)) : undefined;
  const metadata = metadataPlacements(plan.variants, window, options.buildFlags ?? '', finished, isPie);
  const genmeta = window === undefined ? undefined : metadata.find((p) => p.section === '.genmeta')?.synthetic;
  const placements = [
    ...propertyPlacements(mergeProperties(inputs, plan.hasJumps), finished),
    ...(options.buildId === undefined ? [] : [buildIdPlacement(options.buildId, finished)]),
    ...metadata,
    ...(words === undefined ? [] : dynamicPlacements(words, tables, genmeta, backend, finished)),
    ...tablePlacements(tables, backend, finished, isPie),
    ...framePlacements(frames, plan.variants, backend, finished),
  ];
  const place = (veneers?: Veneers): { layout: Layout; addresses: Addresses } => {
    const layout = layOut(
      inputs,
      { ...options, executableStack },
      plan,
      window,
      placements,
      backend.maxPage,
      veneers?.islands,
    );
    placeLinkerSymbols(linkerSymbols, layout);
    const at = { got: layout.byName.get('.got')?.va ?? 0, iplt: layout.byName.get('.plt')?.va ?? 0 };
    const addresses = new Addresses(layout, at, tables, backend, diagnostics, veneers);
    defsyms.place(addresses);
    return { layout, addresses };
  };
  const { layout, addresses } = phase('layout', () => {
    const first = place();
    const veneers = planVeneers(inputs, first.layout, first.addresses, backend, finished);
    return veneers === undefined ? first : place(veneers);
  });
  finished.addresses = addresses;
  const mainFrames = layout.byName.get('.eh_frame')?.va ?? layout.imageBase;
  for (const section of frameSections.keys()) {
    section.live = true;
    section.va = mainFrames;
  }
  const entryName = options.entry ?? '_start';
  const entry = table.lookup(entryName, COMMON);
  const text = layout.byName.get('.text');
  const start = text !== undefined && text.size > 0 ? text.va : window?.va;
  if (entry === undefined && options.entryOptional === true) {
    const instead = start === undefined ? 'not setting start address' : `defaulting to 0x${start.toString(16)}`;
    diagnostics.warn('link.no-entry', `cannot find entry symbol ${entryName}; ${instead}`);
  } else if (entry === undefined) {
    diagnostics.error(
      'link.no-entry',
      `undefined symbol: ${entryName}`,
      [],
      'this is where the program starts; name another with --entry',
    );
    diagnostics.check();
  }
  const written = phase('write', () => {
    const own = { places: linkerSymbols, defsyms: defsyms.symbols };
    const symbols = options.stripAll === true ? undefined : buildSymbolTable(inputs, table, own, layout, addresses);
    return writeFile({
      layout,
      addresses,
      backend,
      machine: MACHINE_OF_ISA[inputs.isa],
      entry: entry === undefined ? (start ?? 0) : addresses.symbolAddress(entry),
      symbols,
      diagnostics,
    });
  });
  const melf = phase('metadata', () => writeMetadata(plan, layout, window, options, written));
  if (options.buildId !== undefined) writeBuildId(options.buildId, layout, written.bytes);
  return { bytes: written.bytes, melf, warnings: diagnostics.warnings, inputs, layout, plan, times };
}

function splitSections(inputs: LoadedInputs): Map<InputSection, FrameSection> {
  const frames = new Map<InputSection, FrameSection>();
  for (const file of inputs.objects) {
    for (const section of file.sections) {
      if (section === undefined) continue;
      section.pieces = splitMergeSection(section);
      if (section.name === '.eh_frame' && section.isAlloc) frames.set(section, parseFrames(section));
    }
  }
  return frames;
}

/** Gives each common symbol (tentative definition) a section of its own, as -fno-common would have. */
function allocateCommons(table: SymbolTable): void {
  for (const { name, definitions } of table.names.values()) {
    for (const [scope, symbol] of definitions.entries()) {
      if (symbol === undefined || symbol.kind !== 'common' || symbol.file === undefined) continue;
      if (table.lookup(name, scope - 1) !== symbol) continue;
      const { sections } = symbol.file;
      const align = symbol.value > 0 ? symbol.value : 1;
      const section = new InputSection(
        symbol.file,
        sections.length,
        'COMMON',
        SHT_NOBITS,
        SHF_ALLOC | SHF_WRITE,
        align,
        0,
        0,
        new Uint8Array(0),
        0,
        symbol.size,
      );
      sections.push(section);
      symbol.kind = 'section';
      symbol.type = STT_OBJECT;
      symbol.section = section;
      symbol.value = 0;
    }
  }
}

function writeMetadata(
  plan: VariantPlan,
  layout: Layout,
  window: Window | undefined,
  options: LinkOptions,
  written: Written,
): MelfInfo | undefined {
  const { names, flags } = plan.variants;
  if (names.length === 0) return undefined;
  const sectionOf = (name: string) => layout.byName.get(name);
  const variants: MelfVariant[] = names.map((name, v) => {
    const gen = sectionOf(`.gen${v}`);
    const suffix = v === 0 ? '' : `.${name}`;
    const [frame, header] = [sectionOf(`.eh_frame${suffix}`), sectionOf(`.eh_frame_hdr${suffix}`)];
    let codeSize = 0;
    for (const slot of window?.slots ?? []) codeSize += written.bodies.get(slot)![v]!.size;
    return {
      name,
      flags: flags[v]!,
      fileOffset: gen?.offset ?? 0,
      fileSize: gen?.size ?? 0,
      ehFrameVa: frame?.va ?? 0,
      ehFrameSize: frame?.size ?? 0,
      ehFrameHdrVa: header?.va ?? 0,
      ehFrameHdrSize: header?.size ?? 0,
      codeSize,
    };
  });
  const va = window?.va ?? 0;
  const info: MelfInfo = {
    versionMajor: MELF_VERSION_MAJOR,
    versionMinor: MELF_VERSION_MINOR,
    pageSize: PAGE,
    windowVa: va,
    windowSize: window?.size ?? 0,
    windowSpan: window?.span ?? 0,
    markerVa: window === undefined ? 0 : va + window.markerOffset,
    variants,
    functions: (window?.slots ?? []).map((slot) => ({
      name: slot.name,
      unit: slot.unit,
      va: slot.va,
      slotSize: slot.size,
      align: slot.align,
      pageGroup: window!.groupOf.get(slot)!,
      bodies: written.bodies.get(slot)!,
    })),
    pageGroups: (window?.groups ?? []).map((g) => ({ ...g, va: va + g.va })),
    buildFlags: options.buildFlags ?? '',
  };
  written.bytes.set(encodeMelf(info), sectionOf('.melf')!.offset);
  writeGenmeta(written.bytes, sectionOf('.genmeta')!.offset, info);
  return info;
}

/** The published linker's `struct`: all fields are 8 bytes, little endian. */
function writeGenmeta(out: Uint8Array, offset: number, info: MelfInfo): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const count = info.variants.length;
  const fields = [32 + 8 * count, info.windowSize, count, info.windowVa, ...info.variants.map((v) => v.fileOffset)];
  for (const [i, value] of fields.entries()) writeU64(view, offset + i * 8, value);
}
