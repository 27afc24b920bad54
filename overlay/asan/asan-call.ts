// Gives a kernel the call by which the AddressSanitizer runtime of a guest (overlay/guest/asan) hands over its reports.

import { Errno } from '../../emulator/errno.ts';
import type { Kernel } from '../../emulator/linux/kernel.ts';
import type { Thread } from '../../emulator/linux/thread.ts';
import { ASAN_REPORT_CALL, type AsanReport, RECORD_BYTES, readReport } from './report-record.ts';

/** An extension of `MachineOptions`: `onReport` gets each error that a guest's runtime finds. */
export function asanReports(onReport: (report: AsanReport, thread: Thread) => void): (kernel: Kernel) => void {
  return (kernel) =>
    kernel.registerSyscall(ASAN_REPORT_CALL, 'melf_asan_report', {
      handler: (thread, record) => {
        const report = readReport(thread.memory.read(record, RECORD_BYTES));
        if (report === undefined) return -Errno.EINVAL;
        onReport(report, thread);
        if (kernel.events.enabled) {
          const { kind, access, address, bytes, variant, stack } = report;
          const [time, tid, cpu, pc] = [thread.now(), thread.tid, thread.cpu.id, stack[0] ?? 0];
          kernel.events.emit({ type: 'asan:report', time, tid, cpu, kind, access, address, bytes, pc, variant });
        }
        return 0;
      },
      note: 'an error that the AddressSanitizer runtime of overlay/guest/asan found (not in stock Linux)',
    });
}

/** Stands in the bytes of each program that has the runtime. */
const RUNTIME_MARK = 'melf-asan runtime 1';

/** Whether a program was linked with the runtime; also for stripped ones. */
export const hasAsanRuntime = (elf: Uint8Array): boolean =>
  Buffer.from(elf.buffer, elf.byteOffset, elf.byteLength).includes(RUNTIME_MARK);
