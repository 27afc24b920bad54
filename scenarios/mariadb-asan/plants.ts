// The mistakes that the server makes on request (patches/plugin), and the report that each of them must lead to.

import type { ErrorKind } from '../../overlay/asan/report-record.ts';

export interface Plant {
  /** Argument of MELF_PLANT. */
  readonly name: string;
  readonly kind: ErrorKind;
  readonly access: 'read' | 'write' | 'free';
  /** The function that makes it, near the top of the report's stack. */
  readonly function: string;
  readonly isFreed: boolean;
}

const plant = (name: string, kind: ErrorKind, access: Plant['access'], isFreed = false): Plant => ({
  name,
  kind,
  access,
  function: `melf_plant_${name.replaceAll('-', '_')}`,
  isFreed,
});

export const plants: readonly Plant[] = [
  plant('overflow-read', 'heap-buffer-overflow', 'read'),
  plant('overflow-write', 'heap-buffer-overflow', 'write'),
  plant('underflow-read', 'heap-buffer-underflow', 'read'),
  plant('memcpy-overflow', 'heap-buffer-overflow', 'read'), // it copies out of the block
  plant('use-after-free', 'heap-use-after-free', 'read', true),
  plant('write-after-free', 'heap-use-after-free', 'write', true),
  plant('double-free', 'double-free', 'free', true),
];

/** Functions of the server that a block of a planted mistake comes from and goes to. */
export const plantAllocates = 'melf_plant_allocate';
export const plantFrees = 'melf_plant_free';
/** On the stack of everything that a client's statement does. */
export const statementFunction = 'dispatch_command';
