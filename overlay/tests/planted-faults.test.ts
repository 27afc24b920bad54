// Would the random programs notice? Faults are planted in a kernel, by putting a wrong system call over the right one, and each has to be found by the
// comparison with the reference model.

import assert from 'node:assert/strict';
import type { Kernel } from '../../emulator/linux/kernel.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { Pte } from '../../emulator/memory/page-table.ts';
import { PAGE_SIZE } from '../../emulator/memory/physical.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { MMVIEW, MmviewOp } from '../mmview.ts';
import { firstFailure } from './view-programs.ts';

type Call = (...args: number[]) => number;
/** What is done instead of a system call; `call` is the right one. */
type Wrong = (thread: Thread, call: Call, args: readonly number[]) => number;

interface Fault {
  readonly what: string;
  readonly syscall: string;
  /** Only of `mmview`: the operation that goes wrong. */
  readonly op?: number;
  readonly wrong: Wrong;
  /** The command that the failure is told at, and how. */
  readonly found: RegExp;
}

const unsharedPages = ({ process: { space } }: Thread): number[] =>
  space.unsharedRanges().flatMap(({ start, end }) => {
    const count = (end - start) / PAGE_SIZE;
    return Array.from({ length: count }, (_, page) => start + page * PAGE_SIZE);
  });

/** Entries of pages that a view has of its own. */
const ownEntries = (thread: Thread, view: number, pages: readonly number[] = unsharedPages(thread)): number[] => {
  const { views, physical } = thread.process.space;
  return pages
    .map((page) => views.find(view, page))
    .filter((entry) => entry >= 0 && physical.u32[entry]! & Pte.present);
};

const others = (thread: Thread): number[] => thread.process.space.views.ids().filter((id) => id !== thread.view);

/** The last view that was deleted, by process. */
const deleted = new WeakMap<object, number>();

const faults: readonly Fault[] = [
  {
    what: 'mprotect of an unshared range gives its rights to another view, too',
    syscall: 'mprotect',
    wrong: (thread, call, [address = 0, length = 0, prot = 0]) => {
      const result = call(address, length, prot);
      const [other] = others(thread);
      if (result !== 0 || other === undefined) return result;
      for (const area of thread.process.space.areas.overlapping(address, address + length))
        if (!area.viewShared) area.protOf?.set(other, prot);
      return result;
    },
    found: /: protect .*\nbut the views are/,
  },
  {
    what: 'CREATE leaves a private page writable, so that it is not copied',
    syscall: 'mmview',
    op: MmviewOp.create,
    wrong: (thread, call, args) => {
      const id = call(...args);
      const words = thread.process.space.physical.u32;
      for (const view of [thread.view, id])
        for (const entry of ownEntries(thread, view)) words[entry] = words[entry]! | Pte.write;
      return id;
    },
    found: /: (write|kernelWrite) .*\nbut the views are/,
  },
  {
    what: 'CREATE gives the id of a view that was deleted',
    syscall: 'mmview',
    op: MmviewOp.create,
    wrong: (thread, call, args) => {
      const id = call(...args);
      return deleted.get(thread.process) ?? id;
    },
    found: /: create .*\nbut the kernel answered/,
  },
  {
    what: 'DELETE keeps a frame',
    syscall: 'mmview',
    op: MmviewOp.delete,
    wrong: ({ process: { space } }, call, args) => {
      const [, id = 0] = args;
      const root = space.views.has(id) ? space.views.root(id) : undefined;
      const result = call(...args);
      if (result === 0 && root !== undefined && !space.views.has(id)) space.physical.allocate();
      return result;
    },
    found: /frames more in use after the program than before/,
  },
  {
    what: 'MIGRATE answers with the view that it enters',
    syscall: 'mmview',
    op: MmviewOp.migrate,
    wrong: (thread, call, args) => (call(...args) < 0 ? call(...args) : thread.view),
    found: /: migrate .*\nbut the kernel answered/,
  },
  {
    what: 'SWITCH_BASE does nothing',
    syscall: 'mmview',
    op: MmviewOp.switchBase,
    wrong: (thread) => thread.view,
    found: /: switchBase .*\nbut the views are/,
  },
  {
    what: 'mremap loses what another view has there',
    syscall: 'mremap',
    wrong: (thread, call, args) => {
      const target = call(...args);
      const { areas, views } = thread.process.space;
      const [, , length = 0] = args;
      const pages = Array.from({ length: length / PAGE_SIZE }, (_, page) => target + page * PAGE_SIZE);
      const own = target < 0 ? [] : pages.filter((page) => areas.find(page)?.viewShared === false);
      for (const view of others(thread)) for (const entry of ownEntries(thread, view, own)) views.clear(entry);
      return target;
    },
    found: /: (move|resize) .*\nbut the views are/,
  },
  {
    what: 'MADV_DONTNEED forgets what other views have, too',
    syscall: 'madvise',
    wrong: (thread, call, args) => {
      const [address = 0, length = 0] = args;
      const { space } = thread.process;
      const result = call(...args);
      space.changeEntries(address, address + length, (entry) => space.views.clear(entry));
      return result;
    },
    found: /: discard .*\nbut the views are/,
  },
  {
    what: 'what brk adds is unshared as the page before it',
    syscall: 'brk',
    wrong: (thread, call, args) => {
      const { space } = thread.process;
      const { end } = space.heap;
      const result = call(...args);
      const [before, added] = [space.areas.find(end - 1), space.areas.find(result - 1)];
      if (result > end && added !== undefined && before?.viewShared === false) {
        added.viewShared = false;
        space.views.separate(added.start, added.end);
        space.noteUnshared();
      }
      return result;
    },
    found: /: \w+ .*\nbut /,
  },
  {
    what: 'munlock of a range that begins unlocked does nothing',
    syscall: 'munlock',
    wrong: (thread, call, args) =>
      thread.process.space.areas.find(args[0] ?? 0)?.locked === false ? 0 : call(...args),
    found: /: unlock .*\nbut the/,
  },
];

/** The extension of a kernel that has the fault. */
function plant({ syscall, op, wrong }: Fault): (kernel: Kernel) => void {
  return (kernel) => {
    const right = kernel.dispatcher.implemented.get(syscall);
    const [number] = [...kernel.abi.syscalls].find(([, name]) => name === syscall) ?? [MMVIEW];
    assert.ok(right !== undefined, syscall);
    kernel.registerSyscall(number, syscall, {
      ...right,
      handler: (thread, ...args) => {
        const call: Call = (...changed) => right.handler(thread, ...(changed as typeof args)) as number;
        const result = op === undefined || args[0] === op ? wrong(thread, call, args) : call(...args);
        if (syscall === 'mmview' && args[0] === MmviewOp.delete && result === 0) deleted.set(thread.process, args[1]);
        return result;
      },
    });
  };
}

describe('a fault in the kernel is found by random programs', function () {
  this.timeout(600_000);
  before(() => ensureEngine());

  it('without one there is nothing to find', async () => assert.equal(await firstFailure('x86-64', 25), undefined));

  for (const fault of faults)
    it(fault.what, async () => {
      const failure = await firstFailure('x86-64', 300, { extensions: [plant(fault)] });
      assert.match(failure ?? 'nothing was found', fault.found);
    });
});
