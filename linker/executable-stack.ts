// Whether the program's stack is executable: gcc's nested functions run on it, and `.note.GNU-stack` says so.

import type { Diagnostics } from './errors.ts';
import type { LoadedInputs } from './inputs.ts';
import type { ObjectFile } from './object.ts';
import type { LinkOptions } from './options.ts';

const NOTE = '.note.GNU-stack';

/**
 * Decides as GNU ld 2.40 does, and tells of it (bfd_elf_size_dynamic_sections): an executable note asks for it; on x86-64 so does an object without
 * a note, which may be older than they are, but not on AArch64 (elf_backend_default_execstack), and not where nothing has a note.
 */
export function wantsExecutableStack(inputs: LoadedInputs, options: LinkOptions, diagnostics: Diagnostics): boolean {
  if (options.executableStack !== undefined) return options.executableStack;
  let silent: ObjectFile | undefined;
  let isKnown = options.stackSize !== undefined && options.stackSize > 0;
  for (const file of inputs.objects) {
    const note = file.sections.find((section) => section?.name === NOTE);
    if (note?.isExec === true) {
      diagnostics.warn(
        'link.executable-stack',
        'the stack is executable, as an object asks for it',
        [{ role: 'asked for by', where: note.where }],
        "its code runs on the stack, as gcc's nested functions do: -z execstack silences this",
      );
      return true;
    }
    if (note !== undefined) isKnown = true;
    else if (file.sections.some((section) => section !== undefined)) silent ??= file;
  }
  if (silent === undefined || !isKnown || inputs.isa !== 'x86-64') return false;
  diagnostics.warn(
    'link.executable-stack',
    'the stack is executable, as an object has no section .note.GNU-stack',
    [{ role: 'missing in', where: silent.displayName }],
    `assembly says that it needs none by: .section ${NOTE},"",@progbits (or assemble with -Wa,--noexecstack; to link as it is: -z noexecstack)`,
  );
  return true;
}
