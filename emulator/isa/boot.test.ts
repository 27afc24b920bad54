import assert from 'node:assert/strict';
import * as aarch64 from './aarch64/boot.ts';
import { assemble } from './assembler.ts';
import * as x86 from './x86-64/boot.ts';

describe('boot code', () => {
  it('is what Keystone makes of its source', async () => {
    assert.deepEqual(x86.BOOT_CODE, Uint8Array.from(await assemble('x86-64', 'iretq; syscall')));
    assert.deepEqual(aarch64.BOOT_CODE, Uint8Array.from(await assemble('aarch64', 'eret; svc #0')));
  });
});
