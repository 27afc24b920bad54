import { isArchive } from '../archive.ts';
import { InputError } from '../errors.ts';
import { InputFile } from '../input-file.ts';
import { isElf } from '../object.ts';

/**
 * The files that a text in the place of a library names: `INPUT`, `GROUP` and `AS_NEEDED` of ld's scripts, the only ones that libraries use.
 * @throws InputError for any other command.
 */
export function readLibraryScript(text: string, path: string): string[] {
  const tokens = text.replace(/\/\*[\s\S]*?\*\//g, ' ').match(/"[^"]*"|[(),]|[^\s(),]+/g) ?? [];
  const files: string[] = [];
  const open: string[] = [];
  let command = '';
  for (const token of tokens) {
    if (token === '(') {
      if (!/^(INPUT|GROUP|AS_NEEDED|OUTPUT_FORMAT|SEARCH_DIR|OUTPUT_ARCH)$/.test(command)) {
        throw new InputError(
          'link.not-elf',
          path,
          'neither an object nor an archive',
          'give relocatable objects (.o) or archives (.a)',
        );
      }
      open.push(command);
    } else if (token === ')') open.pop();
    else if (open.length === 0) command = token;
    else if (token === 'AS_NEEDED') command = token;
    else if (token !== ',' && /^(INPUT|GROUP|AS_NEEDED)$/.test(open.at(-1)!)) files.push(token.replace(/^"|"$/g, ''));
  }
  if (files.length === 0 || open.length > 0) {
    throw new InputError(
      'link.not-elf',
      path,
      'neither an object nor an archive',
      'give relocatable objects (.o) or archives (.a)',
    );
  }
  return files;
}

/** What a file says that is neither an object nor an archive nor anything else of bytes. */
export function textOf(path: string): string | undefined {
  const file = new InputFile(path);
  try {
    const head = file.bytes(0, 256);
    if (isElf(head) || isArchive(head) || /[^\t\n\r\x20-\x7e]/.test(Buffer.from(head).toString('latin1'))) {
      return undefined;
    }
    return Buffer.from(file.bytes(0, file.size)).toString('utf8');
  } finally {
    file.close();
  }
}
