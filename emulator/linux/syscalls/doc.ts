import { aarch64SyscallNumbers } from '../abi/aarch64/syscall-numbers.ts';
import { x86SyscallNumbers } from '../abi/x86-64/syscall-numbers.ts';
import type { SyscallTopic } from '../syscall.ts';

const numberOf = (table: ReadonlyMap<number, string>): ReadonlyMap<string, number> =>
  new Map([...table].map(([number, name]) => [name, number]));

/** docs/syscalls.md: every implemented call by topic, and the names of all others. */
export function renderSyscalls(topics: Readonly<Record<string, SyscallTopic>>): string {
  const x86 = numberOf(x86SyscallNumbers);
  const aarch64 = numberOf(aarch64SyscallNumbers);
  const implemented = new Set(Object.values(topics).flatMap((topic) => Object.keys(topic)));
  const all = [...new Set([...x86.keys(), ...aarch64.keys()])].sort();
  const missing = all.filter((name) => !implemented.has(name));
  const lines = [
    '# System calls',
    '',
    'Made from the code by `node --import tsx emulator/linux/syscalls/write-doc.ts`; a test compares the two.',
    '',
    `${implemented.size} calls are implemented. Any other returns ENOSYS, is named once on the terminal and is counted in the run's report.`,
    'A dash means that the ISA does not have the call.',
  ];
  for (const [topic, calls] of Object.entries(topics)) {
    lines.push('', `## ${topic}`, '', '| call | x86-64 | AArch64 | what is done |', '|---|---|---|---|');
    for (const name of Object.keys(calls).sort()) {
      const note = calls[name]!.note.replaceAll('|', '\\|');
      lines.push(`| \`${name}\` | ${x86.get(name) ?? '–'} | ${aarch64.get(name) ?? '–'} | ${note} |`);
    }
  }
  lines.push('', '## Not implemented', '', wrap(missing.map((name) => `\`${name}\``).join(' '), 120), '');
  return lines.join('\n');
}

function wrap(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}
