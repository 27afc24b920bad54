// What views mean, written without page tables, areas or frames: a map from (view, page) to contents and rights. It says for each
// command of a program what the kernel has to answer. interpreter.c executes the same commands.

import { Errno } from '../../emulator/errno.ts';

/** Where mmap and mremap put things. */
export const PAGES = 8;
/** Pages after them, by number, are what brk adds to the heap. */
export const HEAP_PAGES = 4;
export const ALL_PAGES = PAGES + HEAP_PAGES;
export const SLOTS = 4;
const PAGE_SIZE = 4096;
/** A load or store that ended in a signal. */
export const FAULT = -1000;
/** Contents of page 0 of /data, from which file mappings begin; the pages after it hold the next numbers. */
export const FILE_BYTE = 0xa0;

export const ops = [
  'map',
  'unmap',
  'protect',
  'write',
  'read',
  'kernelWrite',
  'kernelRead',
  'create',
  'delete',
  'current',
  'migrate',
  'unshare',
  'share',
  'switchBase',
  'move',
  'resize',
  'discard',
  'brk',
  'lock',
  'unlock',
  'start',
  'exit',
  'join',
  'observe',
] as const;
export type Op = (typeof ops)[number];

/** As interpreter.c takes it. */
export interface Command {
  readonly slot: number;
  readonly op: Op;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export const Kind = { private: 0, file: 1, shared: 2 } as const;
const Prot = { read: 1, write: 2 } as const;
/** Beside the rights in {@link ReferenceModel.state}: mlock holds the page. */
export const LOCKED = 8;

/** Operand `c` of `move`. */
export const moveSizes = (oldCount: number, newCount: number, dontUnmap: boolean): number =>
  oldCount | (newCount << 4) | (dontUnmap ? 1 << 8 : 0);

/** What one view, or all of them, have in a page. */
interface Cell {
  value: number;
  prot: number;
}

/** Pages that a MAP_SHARED mapping began with: what they hold, wherever they are mapped. */
type SharedObject = number[];

interface Page {
  /** Which page of its file or object it is; of private memory that comes from no file it says nothing. */
  readonly index: number;
  readonly kind: number;
  /** MAP_SHARED: cannot be unshared, does not forget. */
  readonly object: SharedObject | undefined;
  /** By mlock, in all views. */
  locked: boolean;
  /** Of all views, or of each. */
  common: Cell | undefined;
  readonly own: Map<number, Cell>;
}

/** Several threads (slots), several views, a few pages. */
export class ReferenceModel {
  readonly #pages: (Page | undefined)[] = new Array<Page | undefined>(ALL_PAGES).fill(undefined);
  /** Views that exist, whether one may enter them or not. */
  readonly #views = new Map<number, { visible: boolean }>([[0, { visible: true }]]);
  /** The view of each thread that runs, by slot. */
  readonly #threads = new Map<number, number>([[0, 0]]);
  #base = 0;
  #nextId = 1;
  /** Bytes of heap pages. */
  #break = 0;

  get slots(): number[] {
    return [...this.#threads.keys()];
  }
  get views(): number[] {
    return [...this.#views.keys()];
  }
  get visibleViews(): number[] {
    return [...this.#views].filter(([, { visible }]) => visible).map(([id]) => id);
  }
  get lastId(): number {
    return this.#nextId - 1;
  }

  /**
   * Everything: the base, and for each view, by id, what it may do with each page (-1: it is not there; else PROT_*, and LOCKED) and what a load finds.
   */
  state(): number[] {
    const state = [this.#base];
    for (const view of [...this.#views.keys()].sort((a, b) => a - b)) {
      state.push(view);
      for (const [page, found] of this.#pages.entries()) {
        const prot = this.#cell(page, view)?.prot ?? -1;
        state.push(found?.locked === true ? prot | LOCKED : prot, this.#read(page, view));
      }
    }
    return state;
  }

  /** Executes a command; gives the numbers that the interpreter must answer with. */
  execute(command: Command): number[] {
    const view = this.#threads.get(command.slot);
    if (view === undefined) throw new RangeError(`slot ${command.slot} has no thread`);
    if (command.op === 'observe') return [...this.#pages.keys()].map((page) => this.#read(page, view)).concat(0);
    return [this.#result(command, view)];
  }

  #result({ slot, op, a, b, c }: Command, view: number): number {
    switch (op) {
      case 'map':
        this.#map(a, b, c);
        return 0;
      case 'unmap':
        this.#pages.fill(undefined, a, a + b);
        return 0;
      case 'protect':
        return this.#protect(view, a, b, c);
      case 'write':
        return this.#write(a, view, b) ? 0 : FAULT;
      case 'read':
        return this.#read(a, view);
      case 'kernelWrite':
        return this.#write(a, view, b) ? 1 : -Errno.EFAULT;
      case 'kernelRead': {
        const value = this.#read(a, view);
        return value === FAULT ? -Errno.EFAULT : value;
      }
      case 'create':
        return this.#create(view);
      case 'delete':
        return this.#delete(a);
      case 'current':
        return view;
      case 'migrate':
        if (this.#views.get(a)?.visible !== true) return -Errno.EINVAL;
        this.#threads.set(slot, a);
        this.#reap();
        return view;
      case 'unshare':
        return this.#setShared(a, b * PAGE_SIZE + c, false);
      case 'share':
        return this.#setShared(a, b * PAGE_SIZE + c, true);
      case 'switchBase':
        this.#base = view;
        this.#reap();
        return view;
      case 'move':
        return this.#move(view, a, b, c & 15, (c >> 4) & 15, c >> 8 === 1);
      case 'resize':
        return this.#resize(view, a, b, c);
      case 'discard':
        return this.#discard(view, a, b);
      case 'brk':
        return this.#brk(a * PAGE_SIZE - b);
      case 'lock':
        return this.#setLocked(a, b, true) || this.#haveAll(view, a, b);
      case 'unlock':
        return this.#setLocked(a, b, false);
      case 'start':
        this.#threads.set(a, view);
        return 0;
      case 'exit':
        this.#threads.delete(slot);
        this.#reap();
        return 0;
      case 'join':
        return 0;
      case 'observe':
        throw new TypeError('handled by execute');
    }
  }

  #cell(page: number, view: number): Cell | undefined {
    const found = this.#pages[page];
    return found?.common ?? found?.own.get(view);
  }

  #read(page: number, view: number): number {
    const cell = this.#cell(page, view);
    if (cell === undefined || (cell.prot & Prot.read) === 0) return FAULT;
    const { object, index } = this.#pages[page]!;
    return object === undefined ? cell.value : (object[index] ?? FAULT);
  }

  #write(page: number, view: number, value: number): boolean {
    const cell = this.#cell(page, view);
    if (cell === undefined || (cell.prot & Prot.write) === 0) return false;
    const { object, index } = this.#pages[page]!;
    if (object === undefined ? cell.value === FAULT : index >= object.length) return false;
    if (object === undefined) cell.value = value;
    else object[index] = value;
    return true;
  }

  /** The first page of a range that is not there, or its end. */
  #holeIn(first: number, count: number): number {
    const hole = this.#pages.slice(first, first + count).indexOf(undefined);
    return hole < 0 ? first + count : first + hole;
  }

  /** Up to a hole; a mix of what is shared and what is not changes nothing, wherever the hole is. */
  #protect(view: number, first: number, count: number, prot: number): number {
    const range = this.#pages.slice(first, first + count);
    const kinds = new Set(range.filter((page) => page !== undefined).map((page) => page.common === undefined));
    if (kinds.size > 1) return -Errno.EACCES;
    const end = this.#holeIn(first, count);
    for (let page = first; page < end; page++) this.#cell(page, view)!.prot = prot;
    return end < first + count ? -Errno.ENOMEM : 0;
  }

  #create(from: number): number {
    const id = this.#nextId++;
    this.#views.set(id, { visible: true });
    for (const page of this.#pages) if (page?.common === undefined) page?.own.set(id, { ...page.own.get(from)! });
    return id;
  }

  #delete(id: number): number {
    const view = this.#views.get(id);
    if (view?.visible !== true) return -Errno.EINVAL;
    if (id === this.#base) return -Errno.EPERM;
    view.visible = false;
    this.#reap();
    return 0;
  }

  /** A deleted view is there as long as a thread is in it, or it is the base. */
  #reap(): void {
    const used = new Set([...this.#threads.values(), this.#base]);
    for (const [id, { visible }] of this.#views) {
      if (visible || used.has(id)) continue;
      this.#views.delete(id);
      for (const page of this.#pages) page?.own.delete(id);
    }
  }

  /** `bytes` counts from the start of page `first`; a part of a page counts as the page. */
  #setShared(first: number, bytes: number, shared: boolean): number {
    if (this.#views.size > 1) return -Errno.EPERM;
    if (bytes === 0 || this.#pages[first] === undefined) return -Errno.EINVAL;
    const range = this.#pages.slice(first, first + Math.ceil(bytes / PAGE_SIZE)).filter((page) => page !== undefined);
    if (range.some((page) => page.object !== undefined)) return -Errno.EACCES;
    for (const page of range) {
      if ((page.common !== undefined) === shared) continue;
      if (shared) {
        page.common = page.own.get(this.#base);
        page.own.clear();
      } else {
        page.own.set(this.#base, page.common!);
        page.common = undefined;
      }
    }
    return 0;
  }

  #map(first: number, count: number, kind: number): void {
    const object = kind === Kind.shared ? new Array<number>(count).fill(0) : undefined;
    for (let index = 0; index < count; index++) {
      const common = { value: initialOf(kind, index), prot: Prot.read | Prot.write };
      this.#pages[first + index] = { index, kind, object, locked: false, common, own: new Map() };
    }
  }

  /** The page as it was before anybody wrote, with the rights that each view has there; or one `further` on in the same mapping. */
  #fresh(page: Page, further = 0): Page {
    const index = page.index + further;
    const clean = ({ prot }: Cell): Cell => ({ prot, value: initialOf(page.kind, index) });
    return {
      index,
      kind: page.kind,
      object: page.object,
      locked: page.locked,
      common: page.common && clean(page.common),
      own: new Map([...page.own].map(([view, cell]) => [view, clean(cell)])),
    };
  }

  /** Whether a thread in `view` sees one mapping in these pages. What is private and what other views may do there makes no difference. */
  #isOneMapping(view: number, first: number, end: number): boolean {
    for (let page = first; page < end; page++) {
      const here = this.#pages[page];
      if (here === undefined) return false;
      const before = this.#pages[page - 1];
      if (page === first || before === undefined) continue;
      const follows = here.kind === Kind.private || here.index === before.index + 1;
      if (here.kind !== before.kind || here.object !== before.object || !follows) return false;
      if (here.locked !== before.locked) return false;
      if (this.#cell(page, view)!.prot !== this.#cell(page - 1, view)!.prot) return false;
    }
    return true;
  }

  /** mremap to a certain place. */
  #move(view: number, from: number, to: number, oldCount: number, newCount: number, dontUnmap: boolean): number {
    if (from < to + newCount && to < from + oldCount) return -Errno.EINVAL;
    const first = this.#pages[from];
    if (first === undefined) return -Errno.EFAULT;
    if (oldCount === 0 && first.object === undefined) return -Errno.EINVAL;
    if (oldCount === 0 && to === from) return -Errno.EFAULT; // it would have to be where it is no more
    const kept = Math.min(oldCount, newCount);
    if (!this.#isOneMapping(view, from, from + kept)) return -Errno.EFAULT;
    const moved = this.#pages.slice(from, from + kept) as Page[];
    // Of nothing, a second place for what is here; else more of what comes last.
    const model = moved.at(-1) ?? first;
    const skip = moved.length === 0 ? 0 : 1;
    const added = Array.from({ length: newCount - kept }, (_, at) => this.#fresh(model, at + skip));
    this.#pages.fill(undefined, from, from + oldCount);
    for (const [at, page] of [...moved, ...added].entries()) this.#pages[to + at] = page;
    if (dontUnmap)
      for (const [at, page] of moved.entries()) this.#pages[from + at] = { ...this.#fresh(page), locked: false };
    return 0;
  }

  /** mremap in place. */
  #resize(view: number, first: number, oldCount: number, newCount: number): number {
    if (this.#pages[first] === undefined) return -Errno.EFAULT;
    if (newCount <= oldCount) {
      this.#pages.fill(undefined, first + newCount, first + oldCount);
      return 0;
    }
    if (!this.#isOneMapping(view, first, first + oldCount)) return -Errno.EFAULT;
    const last = first + oldCount;
    if (this.#pages.slice(last, first + newCount).some((page) => page !== undefined)) return -Errno.ENOMEM;
    for (let page = last; page < first + newCount; page++)
      this.#pages[page] = this.#fresh(this.#pages[last - 1]!, page - last + 1);
    return 0;
  }

  /**
   * What a thread in `view` sees is as nobody had written there; of a private page the others keep what they have. Holes are passed over, and the first
   * locked page ends it.
   */
  #discard(view: number, first: number, count: number): number {
    for (let page = first; page < first + count; page++) {
      const found = this.#pages[page];
      if (found === undefined) continue;
      if (found.locked) return -Errno.EINVAL;
      this.#cell(page, view)!.value = initialOf(found.kind, found.index);
    }
    return this.#pages.slice(first, first + count).includes(undefined) ? -Errno.ENOMEM : 0;
  }

  /** The new break, or the one that stays: what grows must leave a page free before what is mapped there. */
  #brk(bytes: number): number {
    const [from, to] = [this.#break, bytes].map((address) => PAGES + Math.ceil(address / PAGE_SIZE)) as [
      number,
      number,
    ];
    if (to > from) {
      if (this.#pages.slice(from, to + 1).some((page) => page !== undefined)) return this.#break;
      this.#map(from, to - from, Kind.private);
    }
    this.#pages.fill(undefined, to, from);
    this.#break = bytes;
    return bytes;
  }

  #setLocked(first: number, count: number, locked: boolean): number {
    const end = this.#holeIn(first, count);
    for (const page of this.#pages.slice(first, end)) page!.locked = locked;
    return end < first + count ? -Errno.ENOMEM : 0;
  }

  /** A lock wants its pages there at once, as the caller would find them. */
  #haveAll(view: number, first: number, count: number): number {
    for (let page = first; page < first + count; page++) if (this.#read(page, view) === FAULT) return -Errno.ENOMEM;
    return 0;
  }
}

/** What a private page holds before anybody writes, and again after MADV_DONTNEED; beyond the file there is nothing to load. */
function initialOf(kind: number, index: number): number {
  if (kind !== Kind.file) return 0;
  return index < PAGES ? FILE_BYTE + index : FAULT;
}
