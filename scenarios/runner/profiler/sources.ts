import { join } from 'node:path';
import type { Isa } from '../../../setup/toolchain.ts';
import type { GuestObject } from '../guest-object.ts';

const guestFolder = join(import.meta.dirname, 'guest');

export interface ProfilerSources {
  readonly counting: GuestObject;
  /** What each instrumented function calls when it is entered. With -DMELF_BRANCH it asks first whether it is to count. */
  readonly entry: GuestObject;
}

/** The guest's half of the profiler. It must not touch vector registers, which fentry.S does not save. */
export const profilerSources: Readonly<Record<Isa, ProfilerSources>> = {
  'x86-64': {
    counting: { source: join(guestFolder, 'profile.c'), flags: ['-mgeneral-regs-only'] },
    entry: { source: join(guestFolder, 'fentry.S'), flags: [] },
  },
  aarch64: {
    counting: { source: join(guestFolder, 'profile.c'), flags: ['-mgeneral-regs-only', '-mno-outline-atomics'] },
    entry: { source: join(guestFolder, 'mcount.c'), flags: ['-mgeneral-regs-only'] },
  },
};
