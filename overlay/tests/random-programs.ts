// Random programs of view calls: what fast-check draws is made into commands by asking the reference model what there is.

import fc from 'fast-check';
import {
  ALL_PAGES,
  type Command,
  HEAP_PAGES,
  moveSizes,
  type Op,
  ops,
  PAGES,
  ReferenceModel,
  SLOTS,
} from './reference-model.ts';

/** As drawn: all numbers are taken modulo what the model has at that point. */
export interface Draft {
  readonly op: Op;
  readonly slot: number;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

const weights: Partial<Record<Op, number>> = {
  map: 3,
  unmap: 1,
  protect: 4,
  write: 8,
  read: 4,
  kernelWrite: 3,
  kernelRead: 2,
  create: 4,
  delete: 3,
  current: 1,
  migrate: 8,
  unshare: 3,
  share: 1,
  switchBase: 2,
  move: 4,
  resize: 2,
  discard: 2,
  brk: 3,
  lock: 2,
  unlock: 1,
  start: 2,
  exit: 1,
  observe: 2,
};

const draft: fc.Arbitrary<Draft> = fc.oneof(
  ...Object.entries(weights).map(([op, weight]) => ({
    weight: weight ?? 1,
    arbitrary: fc.record({
      op: fc.constant(op as Op),
      slot: fc.nat(63),
      x: fc.nat(63),
      y: fc.nat(63),
      z: fc.nat(63),
    }),
  })),
);

/** Heap pages that a program begins with. */
const FIRST_HEAP = HEAP_PAGES / 2;
/** Ranges lie in the mappings or in the heap. */
const endAfter = (page: number): number => (page < PAGES ? PAGES : ALL_PAGES);

/** Where a program begins: with `views` more views that hold different things in an unshared range. */
interface Start {
  readonly page: number;
  readonly count: number;
  readonly views: number;
}

export interface Program {
  readonly drafts: readonly Draft[];
  readonly eager: boolean;
  readonly start: Start | undefined;
}

/**
 * Programs of up to 60 drafts. In `eager` ones a thread also loads from every page after each step, which touches everything; all are looked at from
 * outside after each step, which touches nothing. Drafts alone come seldom to where much can go wrong, so most programs start there.
 */
export const programs: fc.Arbitrary<Program> = fc.record({
  drafts: fc.array(draft, { minLength: 1, maxLength: 60, size: 'max' }),
  eager: fc.boolean(),
  start: fc.option(
    fc.record({
      page: fc.nat(PAGES + FIRST_HEAP - 1),
      count: fc.integer({ min: 1, max: 4 }),
      views: fc.integer({ min: 1, max: 3 }),
    }),
    { nil: undefined, freq: 3 },
  ),
});

const MOST_VIEWS = 6;
const protections = [0, 1, 3, 3] as const;
const pick = <T>(list: readonly T[], index: number): T => list[index % list.length]!;

/** From where, to where, sizes: mostly as large as before, sometimes of nothing, sometimes over itself. */
function moveOperands(from: number, x: number, y: number, z: number): [number, number, number] {
  const oldCount = z === 63 ? 0 : 1 + (z % Math.min(4, PAGES - from));
  const to = y % PAGES;
  const room = PAGES - to;
  const newCount = x % 3 === 0 || oldCount === 0 || oldCount > room ? 1 + (Math.floor(x / 8) % room) : oldCount;
  return [from, to, moveSizes(oldCount, newCount, newCount === oldCount && z % 4 === 3)];
}

/** One command, what it must answer, and the whole state after it. */
export interface Step {
  readonly command: Command;
  readonly answers: readonly number[];
  readonly state: readonly number[];
}

/** The steps of a program. */
export function concrete({ drafts, eager, start }: Program): Step[] {
  const model = new ReferenceModel();
  const steps: Step[] = [];
  const add = (slot: number, op: Op, a = 0, b = 0, c = 0): void => {
    const command = { slot, op, a, b, c };
    const answers = model.execute(command);
    steps.push({ command, answers, state: model.state() });
  };
  add(0, 'map', 0, PAGES, 0);
  add(0, 'brk', FIRST_HEAP);
  if (start !== undefined) {
    const pages = Array.from(
      { length: Math.min(start.count, endAfter(start.page) - start.page) },
      (_, at) => start.page + at,
    );
    add(0, 'unshare', start.page, pages.length);
    for (let view = 0; view <= start.views; view++) {
      if (view > 0) add(0, 'create');
      if (view > 0) add(0, 'migrate', view);
      for (const page of pages) add(0, 'write', page, 100 + 10 * view + page);
    }
  }
  for (const { op, slot: drawn, x, y, z } of drafts) {
    const slot = pick(model.slots, drawn);
    const page = op === 'move' || op === 'resize' ? x % PAGES : x % ALL_PAGES;
    const count = 1 + (y % Math.min(4, endAfter(page) - page));
    // Mostly ids that exist or existed, sometimes one that never did.
    const id = x % 9 === 8 ? model.lastId + 1 + y : x % 4 === 3 ? y % (model.lastId + 1) : pick(model.visibleViews, y);
    switch (op) {
      case 'map':
        add(slot, op, page, count, z % 3);
        break;
      case 'unmap':
      case 'discard':
      case 'lock':
      case 'unlock':
        add(slot, op, page, count);
        break;
      case 'brk': {
        const pages = z % (HEAP_PAGES + 1);
        add(slot, op, pages, pages > 0 && x % 4 === 0 ? 61 * y : 0);
        break;
      }
      case 'protect':
        add(slot, op, page, count, pick(protections, z));
        break;
      case 'write':
      case 'kernelWrite':
        add(slot, op, page, 1 + z);
        break;
      case 'read':
      case 'kernelRead':
        add(slot, op, page);
        break;
      case 'create':
        add(slot, model.views.length < MOST_VIEWS ? op : 'current');
        break;
      case 'delete':
      case 'migrate':
        add(slot, op, id);
        break;
      case 'unshare':
      case 'share':
        // A length in bytes, sometimes of part of a page, sometimes 0.
        add(slot, op, page, z % 16 === 0 ? 0 : count - 1, z % 16 === 0 ? 0 : 1 + ((z * 521) % 4096));
        break;
      case 'move':
        add(slot, op, ...moveOperands(page, x, y, z));
        break;
      case 'resize':
        // At most to the end of what is looked at.
        add(slot, op, page, count, 1 + (z % (PAGES - page)));
        break;
      case 'start': {
        const free = Array.from({ length: SLOTS }, (_, i) => i).filter((i) => !model.slots.includes(i));
        if (free.length > 0) add(slot, op, pick(free, x));
        break;
      }
      case 'exit':
        if (slot === 0) break;
        add(slot, op);
        add(0, 'join', slot);
        break;
      default:
        add(slot, op);
    }
    if (eager) add(pick(model.slots, z), 'observe');
  }
  for (const slot of model.slots) add(slot, 'observe');
  for (const view of model.visibleViews) {
    add(0, 'migrate', view);
    add(0, 'observe');
  }
  add(0, 'current'); // the interpreter ends with a command of slot 0
  return steps;
}

/** What interpreter.c reads for a program. */
export function encode(steps: readonly Step[]): Uint8Array {
  const words = [
    steps.length,
    ...steps.flatMap(({ command: { slot, op, a, b, c } }) => [slot, ops.indexOf(op), a, b, c]),
  ];
  return new Uint8Array(Int32Array.from(words).buffer);
}
