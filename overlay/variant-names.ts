import type { Kernel } from '../emulator/linux/kernel.ts';
import type { Thread } from '../emulator/linux/thread.ts';
import type { MelfFile } from '../linker/melf-reader.ts';

/** As much of the code around an address as is compared. */
const COMPARED = 16;

/** Lets events name the variant that a thread executes, whoever made its view: by what stands in the window there. */
export function nameVariants(kernel: Kernel, file: MelfFile): void {
  const { melf } = file;
  if (melf === undefined) return;
  const windows = melf.variants.map((_, variant) => file.window(variant));
  kernel.variantNamer = (thread: Thread, va: number): string | undefined => {
    const offset = va - melf.windowVa;
    if (offset < 0 || offset >= melf.windowSize) return undefined;
    const length = Math.min(COMPARED, melf.windowSize - offset);
    const found = thread.memory.read(va, length);
    const at = windows.findIndex((window) => found.every((byte, index) => window[offset + index] === byte));
    return melf.variants[at]?.name;
  };
}
