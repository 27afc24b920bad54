// The relocations of AArch64 as an assembler writes them: each sequence reaches what it means, run in the sandbox.

import assert from 'node:assert/strict';
import { Workshop } from '../tests/workshop.ts';
import { A64, AARCH64_BACKEND } from './aarch64.ts';
import { retype } from './tests/retype.ts';
import { untriedTypes } from './tests/untried-types.ts';

const MACROS = `  .text
  .macro check name
  .globl \\name
  .type \\name, %function
\\name:
  .endm
  .macro expect register, value
  sub w0, \\register, #\\value
  ret
  .endm
  .macro thread
  mrs x1, tpidr_el0
  .endm
`;

/** Each function leaves 0 in w0 when its way of reaching a thing works (ELF for the Arm 64-bit Architecture, section 5.7). */
const WAYS = `${MACROS}  check move_absolute_g3
  movz x1, #:abs_g3:target
  movk x1, #:abs_g2_nc:target
  movk x1, #:abs_g1_nc:target
  movk x1, #:abs_g0_nc:target
  ldr w1, [x1]
  expect w1, 42
  check move_absolute_g2
  movz x1, #:abs_g2:target
  movk x1, #:abs_g1_nc:target
  movk x1, #:abs_g0_nc:target
  ldr w1, [x1]
  expect w1, 42
  check move_absolute_g1
  movz x1, #:abs_g1:target
  movk x1, #:abs_g0_nc:target
  ldr w1, [x1]
  expect w1, 42
  check move_absolute_g0
  movz x1, #:abs_g0:tiny
  sub w1, w1, #0x1000
  expect w1, 0x234
  check move_signed_g2
  movz x1, #:abs_g2_s:target
  movk x1, #:abs_g1_nc:target
  movk x1, #:abs_g0_nc:target
  ldr w1, [x1]
  expect w1, 42
  check move_signed_g1
  movz x1, #:abs_g1_s:target
  movk x1, #:abs_g0_nc:target
  ldr w1, [x1]
  expect w1, 42
  check move_signed_g0
  movz x1, #:abs_g0_s:negative
  add x1, x1, #5
  expect w1, 0
  check move_relative_g3
  movz x1, #:prel_g3:target
  movk x1, #:prel_g2_nc:target+4
  movk x1, #:prel_g1_nc:target+8
  movk x1, #:prel_g0_nc:target+12
  adr x2, .-16
  ldr w1, [x1, x2]
  expect w1, 42
  check move_relative_g2
  movz x1, #:prel_g2:target
  movk x1, #:prel_g1_nc:target+4
  movk x1, #:prel_g0_nc:target+8
  adr x2, .-12
  ldr w1, [x1, x2]
  expect w1, 42
  check move_relative_g1
  movz x1, #:prel_g1:target
  movk x1, #:prel_g0_nc:target+4
  adr x2, .-8
  ldr w1, [x1, x2]
  expect w1, 42
  check move_relative_g0
  movz x1, #:prel_g0:constant
  adr x2, .-4
  ldr w1, [x1, x2]
  expect w1, 21
  check literal
  ldr w1, constant
  expect w1, 21
  check near_address
  adr x1, constant
  ldr w1, [x1]
  expect w1, 21
  check page_8
  adrp x1, target
  ldrb w1, [x1, #:lo12:target]
  expect w1, 42
  check page_16
  adrp x1, target
  ldrh w1, [x1, #:lo12:target]
  expect w1, 42
  check page_32
  adrp x1, target
  ldr w1, [x1, #:lo12:target]
  expect w1, 42
  check page_64
  adrp x1, :pg_hi21_nc:target
  ldr x1, [x1, #:lo12:target]
  expect w1, 42
  check page_128
  adrp x1, target
  ldr q0, [x1, #:lo12:target]
  fmov x1, d0
  expect w1, 42
  check page_add
  adrp x1, target+16
  add x1, x1, #:lo12:target+16
  ldur w1, [x1, #-16]
  expect w1, 42
  check test_branch
  mov w0, #0
  tbz w0, #3, back
  mov w0, #1
  ret
  check compare_branch
  mov w0, #0
  cbz w0, back
  mov w0, #1
  ret
  check condition_branch
  subs w0, wzr, wzr
  b.eq back
  mov w0, #1
  ret
  check jump
  mov w0, #0
  b back
  check call
  mov x9, x30
  bl give
  mov x30, x9
  expect w0, 7
  check call_weak
  mov x9, x30
  mov w0, #0
  bl nobody
  mov x30, x9
  ret
  check table
  adrp x1, :got:target
  ldr x1, [x1, #:got_lo12:target]
  ldr w1, [x1]
  expect w1, 42
  check table_weak
  adrp x0, :got:nobody
  ldr x0, [x0, #:got_lo12:nobody]
  ret
  check table_literal
  ldr x1, :got:target
  ldr w1, [x1]
  expect w1, 42
  check table_page
  adrp x1, _GLOBAL_OFFSET_TABLE_
  ldr x1, [x1, #:gotpage_lo15:target]
  ldr w1, [x1]
  expect w1, 42
  check table_offset
  adrp x1, _GLOBAL_OFFSET_TABLE_
  add x1, x1, #:lo12:_GLOBAL_OFFSET_TABLE_
  ldr x1, [x1, #:gotoff_lo15:target]
  ldr w1, [x1]
  expect w1, 42
  check words_absolute
  adrp x2, words
  add x2, x2, #:lo12:words
  ldr x1, [x2]
  ldr w3, [x2, #8]
  cmp x1, x3
  b.ne wrong
  ldrh w3, [x2, #12]
  mov w4, #0x1234
  cmp w3, w4
  b.ne wrong
  ldr w1, [x1]
  expect w1, 42
  check words_relative
  adrp x2, words
  add x2, x2, #:lo12:words
  ldr x1, [x2, #16]!
  add x1, x1, x2
  ldrsw x3, [x2, #8]!
  add x3, x3, x2
  cmp x1, x3
  b.ne wrong
  ldrsh x3, [x2, #4]!
  add x3, x3, x2
  cmp x1, x3
  b.ne wrong
  ldr w1, [x1]
  expect w1, 42
  check local_exec_add
  thread
  add x1, x1, #:tprel_hi12:own, lsl #12
  add x1, x1, #:tprel_lo12_nc:own
  ldr w1, [x1]
  expect w1, 12
  check local_exec_low
  thread
  add x1, x1, #:tprel_lo12:own
  ldr w1, [x1]
  expect w1, 12
  check local_exec_8
  thread
  ldrb w1, [x1, #:tprel_lo12:own]
  expect w1, 12
  check local_exec_16
  thread
  ldrh w1, [x1, #:tprel_lo12:own]
  expect w1, 12
  check local_exec_32
  thread
  ldr w1, [x1, #:tprel_lo12:own]
  expect w1, 12
  check local_exec_64
  thread
  ldr x1, [x1, #:tprel_lo12:own]
  expect w1, 12
  check local_exec_nc
  thread
  ldrb w2, [x1, #:tprel_lo12_nc:own]
  ldrh w3, [x1, #:tprel_lo12_nc:own]
  ldr w4, [x1, #:tprel_lo12_nc:own]
  ldr x5, [x1, #:tprel_lo12_nc:own]
  add w2, w2, w3
  add w4, w4, w5
  add w1, w2, w4
  expect w1, 48
  check local_exec_moves_g2
  thread
  movz x2, #:tprel_g2:own
  movk x2, #:tprel_g1_nc:own
  movk x2, #:tprel_g0_nc:own
  ldr w1, [x1, x2]
  expect w1, 12
  check local_exec_moves_g1
  thread
  movz x2, #:tprel_g1:own
  movk x2, #:tprel_g0_nc:own
  ldr w1, [x1, x2]
  expect w1, 12
  check local_exec_moves_g0
  thread
  movz x2, #:tprel_g0:own
  ldr w1, [x1, x2]
  expect w1, 12
  check initial_exec
  thread
  adrp x2, :gottprel:counter
  ldr x2, [x2, #:gottprel_lo12:counter]
  ldr w1, [x1, x2]
  expect w1, 11
  check initial_exec_literal
  thread
  ldr x2, :gottprel:counter
  ldr w1, [x1, x2]
  expect w1, 11
  check descriptor
  mov x9, x30
  adrp x0, :tlsdesc:counter
  ldr x1, [x0, #:tlsdesc_lo12:counter]
  add x0, x0, #:tlsdesc_lo12:counter
  .tlsdesccall counter
  blr x1
  mov x30, x9
  thread
  ldr w1, [x1, x0]
  expect w1, 11
wrong:
  mov w0, #1
  ret
  .weak nobody
  .section .text.near, "ax", %progbits
  .globl back, give, constant
back:
  ret
give:
  mov w0, #7
  ret
constant: .word 21
  .data
  .globl target, words
  .balign 16
target: .quad 42, 0
  .reloc ., R_AARCH64_NONE, target
  .section .data.words, "aw"
  .balign 8
words:
  .quad target
  .word target
  .hword tiny, 0
  .quad target - .
  .word target - .
  .hword target - ., 0
  .section .tdata, "awT", %progbits
  .globl counter, own
  .balign 16
counter: .quad 11, 0
own: .quad 12, 0
  .section .note.GNU-stack, "", %progbits
`;
/** The same with relocations that get their types afterwards. */
const LATER = `${MACROS}
  .macro later
  adrp x2, later_words
  add x2, x2, #:lo12:later_words
  adrp x3, _GLOBAL_OFFSET_TABLE_
  add x3, x3, #:lo12:_GLOBAL_OFFSET_TABLE_
  .endm
  check table_distance_64
  later
  ldr x1, [x2]
  ldr w1, [x1, x3]
  expect w1, 42
  check table_distance_32
  later
  ldrsw x1, [x2, #8]
  ldr w1, [x1, x3]
  expect w1, 42
  check call_distance
  mov x9, x30
  later
  ldrsw x1, [x2, #12]!
  add x1, x1, x2
  blr x1
  mov x30, x9
  expect w0, 7
  check entry_distance
  later
  ldrsw x1, [x2, #16]!
  ldr x1, [x1, x2]
  ldr w1, [x1]
  expect w1, 42
  .section .text.later, "ax", %progbits
  .type own, %tls_object
  check local_exec_128
  thread
  .reloc ., R_AARCH64_TLSLE_LDST64_TPREL_LO12, own
  .inst 0x3dc00020 // ldr q0, [x1]
  fmov x1, d0
  expect w1, 12
  check local_exec_128_nc
  thread
  .reloc ., R_AARCH64_TLSLE_LDST64_TPREL_LO12_NC, own
  .inst 0x3dc00020
  fmov x1, d0
  expect w1, 12
  .section .data.later, "aw"
  .balign 8
  .globl later_words
later_words:
  .quad target - .
  .word target - .
  .word give - .
  .word target - .
  .section .note.GNU-stack, "", %progbits
`;
/** In an object of its own, so that the assembler does not fill these in itself. */
const NUMBERS = '.globl tiny, negative\n.set tiny, 0x1234\n.set negative, -5\n';
const NAMES = [...`${WAYS}${LATER}`.matchAll(/^ {2}check (\w+)$/gm)].map((m) => m[1]!);

describe('AArch64 relocations from assembly', () => {
  let shop: Workshop;
  before(async () => {
    shop = await Workshop.open('aarch64');
  });
  after(() => shop.close());

  it(`reach what they mean, run in the sandbox: ${NAMES.length} sequences`, async () => {
    const ways = shop.compile('ways.s', WAYS, []);
    const later = shop.compile('later.s', LATER, []);
    retype(later, '.data.later', [A64.GOTREL64, A64.GOTREL32, A64.PLT32, A64.GOTPCREL32]);
    retype(later, '.text.later', [A64.TLSLE_LDST128_TPREL_LO12, A64.TLSLE_LDST128_TPREL_LO12_NC]);
    assert.deepEqual(untriedTypes(AARCH64_BACKEND, ways, later), []);
    const calls = NAMES.map((name) => `extern int ${name}(void);`).join('\n');
    const prints = NAMES.map((name) => `printf("${name} %d\\n", ${name}());`).join('\n');
    const main = shop.compile('main.c', `#include <stdio.h>\n${calls}\nint main(void) {\n${prints}\nreturn 0; }`);
    const run = await shop.run(
      shop.link([ways, later, main, shop.compile('numbers.s', NUMBERS, [])].map((path) => ({ path }))),
    );
    assert.equal(run.output, NAMES.map((name) => `${name} 0\n`).join(''));
    assert.equal(run.status, 0);
  });
});
