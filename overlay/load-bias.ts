import type { Process } from '../emulator/linux/process.ts';
import { PT_LOAD } from '../linker/elf.ts';
import { loadedAt } from '../linker/load-bias.ts';
import type { MelfFile } from '../linker/melf-reader.ts';

/** The process's executable with the addresses that it has there: a position-independent one lies where the loader put it. */
export function inProcess(process: Process, file: MelfFile): MelfFile {
  if (!file.isPie) return file;
  const first = file.segments.find(({ type }) => type === PT_LOAD);
  for (const area of process.space.areas) {
    if (area.file?.mappable.name !== process.exe || area.file.offset !== 0) continue;
    return loadedAt(file, area.start - ((first?.va ?? 0) - file.bias));
  }
  return file;
}
