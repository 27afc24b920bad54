import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aarch64SyscallNumbers } from '../abi/aarch64/syscall-numbers.ts';
import { x86SyscallNumbers } from '../abi/x86-64/syscall-numbers.ts';
import { renderSyscalls } from './doc.ts';
import { topics } from './topics.ts';

describe('docs/syscalls.md', () => {
  it('says what the code does', () => {
    const committed = readFileSync(join(import.meta.dirname, '../../../docs/syscalls.md'), 'utf8');
    assert.equal(
      committed,
      renderSyscalls(topics),
      'run `node --import tsx emulator/linux/syscalls/write-doc.ts` and commit the file',
    );
  });

  it('knows every implemented call by a number of at least one ISA', () => {
    const known = new Set([...x86SyscallNumbers.values(), ...aarch64SyscallNumbers.values()]);
    for (const topic of Object.values(topics)) for (const name of Object.keys(topic)) assert.ok(known.has(name), name);
  });

  it('numbers agree with what everybody knows', () => {
    assert.equal(x86SyscallNumbers.get(59), 'execve');
    assert.equal(x86SyscallNumbers.get(202), 'futex');
    assert.equal(x86SyscallNumbers.get(435), 'clone3');
    assert.equal(aarch64SyscallNumbers.get(98), 'futex');
    assert.equal(aarch64SyscallNumbers.get(220), 'clone');
    assert.equal(aarch64SyscallNumbers.get(261), 'prlimit64');
    assert.equal(aarch64SyscallNumbers.get(435), 'clone3');
  });
});
