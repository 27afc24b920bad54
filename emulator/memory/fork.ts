import { AddressSpace } from './address-space.ts';
import { CodeMap } from './code-map.ts';
import { framesForFault } from './page-fault.ts';
import { Pte } from './page-table.ts';
import { protIn } from './vma.ts';

/**
 * fork: a space with what `view` shows, as the base view of its own (kernel/fork.c of linux-mmview). Private pages are copied when either side
 * writes. Ranges stay unshared, so that SHARE can be asked for. Throws OutOfMemory, and nothing of the child is left then.
 */
export function forkSpace(space: AddressSpace, view: number): AddressSpace {
  // Pages become copy-on-write, even where memory is out in the midst of it: Linux flushes the whole address space (dup_mmap).
  space.tlbGeneration++;
  space.tlbFlushes++;
  // Views tell the code in the window apart by their numbers, and the child's view 0 may hold another variant than ours.
  const isSameCode = space.window.end === 0;
  const child = new AddressSpace(
    space.physical,
    space.views.model,
    isSameCode ? space.codeMap.retain() : new CodeMap(),
  );
  try {
    copyInto(child, space, view);
  } catch (error) {
    child.release();
    throw error;
  }
  return child;
}

function copyInto(child: AddressSpace, space: AddressSpace, view: number): void {
  const words = space.physical.u32;
  for (const area of space.areas) {
    child.areas.insert({ ...area, prot: protIn(area, view), protOf: undefined, locked: false });
    const isPrivate = !area.sharedMapping && area.port === undefined;
    const holders = area.viewShared ? undefined : [view];
    if (isPrivate) {
      const protect = (entry: number): void => {
        words[entry] = words[entry]! & ~Pte.write;
      };
      space.views.forEach(area.start, area.end, protect, holders);
    }
    // A view may lack entries that it has not met yet: the base has all that are shared.
    const share = (entry: number, va: number): void => {
      space.physical.require(framesForFault(1));
      space.physical.retain(words[entry + 1]!);
      child.views.mapLocal(child.views.base, va, words[entry]!, words[entry + 1]!);
    };
    space.views.forEach(area.start, area.end, share, holders ?? [space.views.base]);
  }
  child.noteUnshared();
  child.heap.follow(space.heap);
  for (const file of space.ownedFiles) child.own(file.retain());
}
