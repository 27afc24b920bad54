import type { Isa } from '../object.ts';
import { AARCH64_BACKEND } from './aarch64.ts';
import type { RelocationBackend } from './backend.ts';
import { X86_64_BACKEND } from './x86-64.ts';

export const BACKENDS: Readonly<Record<Isa, RelocationBackend>> = {
  'x86-64': X86_64_BACKEND,
  aarch64: AARCH64_BACKEND,
};
