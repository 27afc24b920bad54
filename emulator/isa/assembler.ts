// Keystone, through its WebAssembly build: assembles the small programs of tests.

import { createRequire } from 'node:module';
import { MelfError } from '../../base/errors.ts';
import type { Isa } from './isa.ts';

interface KeystoneEngine {
  asm(text: string, address: number): { readonly mc: Uint8Array; readonly count: number; readonly failed: boolean };
  errno(): number;
}
interface KeystoneModule {
  readonly ARCH_X86: number;
  readonly ARCH_ARM64: number;
  readonly MODE_64: number;
  readonly MODE_LITTLE_ENDIAN: number;
  readonly Keystone: new (arch: number, mode: number) => KeystoneEngine;
  strerror(code: number): string;
}

/** The text is not assembly of that instruction set. */
export class AssemblyError extends MelfError {}

let loading: Promise<KeystoneModule> | undefined;

/** Machine code of assembly `text` (Intel syntax on x86-64) that will be at `address`. Statements are separated by newlines or semicolons. */
export async function assemble(isa: Isa, text: string, address = 0): Promise<Uint8Array> {
  loading ??= (createRequire(import.meta.url)('@alexaltea/keystone-js') as () => Promise<KeystoneModule>)();
  const module = await loading;
  // Intel syntax is the default on x86-64; asking for it by option would also make every number hexadecimal.
  const engine =
    isa === 'x86-64'
      ? new module.Keystone(module.ARCH_X86, module.MODE_64)
      : new module.Keystone(module.ARCH_ARM64, module.MODE_LITTLE_ENDIAN);
  const { mc, failed } = engine.asm(text, address);
  if (failed) {
    throw new AssemblyError('machine.assembly', `cannot assemble: ${module.strerror(engine.errno())}`, {
      facts: { isa, text },
    });
  }
  return mc;
}
