// What views mean, written without page tables, areas or frames: a map from (view, page) to contents and rights. It says for each
// command of a program what the kernel has to answer. interpreter.c executes the same commands.

import { Errno } from '../../emulator/errno.ts';

export const PAGES = 8;
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
  'discard',
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

/** What one view, or all of them, have in a page. */
interface Cell {
  value: number;
  prot: number;
}

interface Page {
  /** What it holds before anybody writes, and again after MADV_DONTNEED. */
  readonly initial: number;
  /** MAP_SHARED: cannot be unshared, does not forget. */
  readonly sharedMapping: boolean;
  /** Of all views, or of each. */
  common: Cell | undefined;
  readonly own: Map<number, Cell>;
}

/** Several threads (slots), several views, a few pages. */
export class ReferenceModel {
  readonly #pages: (Page | undefined)[] = new Array<Page | undefined>(PAGES).fill(undefined);
  /** Views that exist, whether one may enter them or not. */
  readonly #views = new Map<number, { visible: boolean }>([[0, { visible: true }]]);
  /** The view of each thread that runs, by slot. */
  readonly #threads = new Map<number, number>([[0, 0]]);
  #base = 0;
  #nextId = 1;

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
   * Everything: the base, and for each view, by id, what it may do with each page (-1: it is not there; else PROT_*) and what a load finds.
   */
  state(): number[] {
    const state = [this.#base];
    for (const view of [...this.#views.keys()].sort((a, b) => a - b)) {
      state.push(view);
      for (const page of this.#pages.keys()) state.push(this.#cell(page, view)?.prot ?? -1, this.#read(page, view));
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
        for (let page = a; page < a + b; page++) this.#pages[page] = newPage(c, page - a);
        return 0;
      case 'unmap':
        for (let page = a; page < a + b; page++) this.#pages[page] = undefined;
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
        return this.#move(a, b);
      case 'discard':
        return this.#discard(a, b);
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
    return cell === undefined || (cell.prot & Prot.read) === 0 ? FAULT : cell.value;
  }

  #write(page: number, view: number, value: number): boolean {
    const cell = this.#cell(page, view);
    if (cell === undefined || (cell.prot & Prot.write) === 0) return false;
    cell.value = value;
    return true;
  }

  #protect(view: number, first: number, count: number, prot: number): number {
    const range = this.#pages.slice(first, first + count);
    if (range.some((page) => page === undefined)) return -Errno.ENOMEM;
    const kinds = new Set(range.map((page) => page!.common === undefined));
    if (kinds.size > 1) return -Errno.EACCES;
    for (let page = first; page < first + count; page++) this.#cell(page, view)!.prot = prot;
    return 0;
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
    if (range.some((page) => page.sharedMapping)) return -Errno.EACCES;
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

  /** mremap of one page. */
  #move(from: number, to: number): number {
    if (from === to) return -Errno.EINVAL;
    const page = this.#pages[from];
    if (page === undefined) return -Errno.EFAULT;
    // Private pages stay so where they go, and nothing becomes private while there is more than one view.
    if (page.common === undefined && this.#views.size > 1) return -Errno.EINVAL;
    this.#pages[to] = page;
    this.#pages[from] = undefined;
    return 0;
  }

  #discard(first: number, count: number): number {
    const range = this.#pages.slice(first, first + count);
    if (range.some((page) => page === undefined)) return -Errno.ENOMEM;
    for (const page of range) {
      if (page!.sharedMapping) continue;
      for (const cell of [page!.common, ...page!.own.values()]) if (cell !== undefined) cell.value = page!.initial;
    }
    return 0;
  }
}

function newPage(kind: number, index: number): Page {
  const initial = kind === Kind.file ? FILE_BYTE + index : 0;
  return {
    initial,
    sharedMapping: kind === Kind.shared,
    common: { value: initial, prot: Prot.read | Prot.write },
    own: new Map(),
  };
}
