import assert from 'node:assert/strict';
import { SHF_ALLOC, SHF_WRITE } from '../elf.ts';
import type { LinkError } from '../errors.ts';
import { link } from '../link.ts';
import { reread, Workshop } from '../tests/workshop.ts';
import { makeObject } from '../tests/workshop-object.ts';
import { untriedTypes } from './tests/untried-types.ts';
import { X86, X86_64_BACKEND } from './x86-64.ts';

/** Each function leaves 0 in eax when its way of reaching a thing works. The psABI's sequences, as gcc and clang write them. */
const WAYS = `
  .text
  .macro check name
  .globl \\name
  .type \\name, @function
\\name:
  .endm
  check mov_got
  mov target@GOTPCREL(%rip), %rax
  mov (%rax), %eax
  sub $42, %eax
  ret
  check mov_got_high
  mov target@GOTPCREL(%rip), %r11
  mov (%r11), %eax
  sub $42, %eax
  ret
  check call_got
  sub $8, %rsp
  call *give@GOTPCREL(%rip)
  add $8, %rsp
  sub $7, %eax
  ret
  check jmp_got
  jmp *zero@GOTPCREL(%rip)
  check add_got
  lea target(%rip), %rcx
  xor %eax, %eax
  add target@GOTPCREL(%rip), %rax
  sub %rcx, %rax
  ret
  check sub_got_high
  lea target(%rip), %r9
  sub target@GOTPCREL(%rip), %r9
  mov %r9, %rax
  ret
  check cmp_got
  lea target(%rip), %r10
  cmp target@GOTPCREL(%rip), %r10
  setne %al
  movzbl %al, %eax
  ret
  check test_got
  mov $-1, %rcx
  test %rcx, target@GOTPCREL(%rip)
  sete %al
  movzbl %al, %eax
  ret
  check push_got
  push target@GOTPCREL(%rip)
  pop %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check general_dynamic
  sub $8, %rsp
  .byte 0x66
  lea counter@tlsgd(%rip), %rdi
  .value 0x6666
  rex64
  call __tls_get_addr@PLT
  mov (%rax), %eax
  sub $11, %eax
  add $8, %rsp
  ret
  check general_dynamic_no_plt
  sub $8, %rsp
  .byte 0x66
  lea counter@tlsgd(%rip), %rdi
  .byte 0x66
  rex64
  call *__tls_get_addr@GOTPCREL(%rip)
  mov (%rax), %eax
  sub $11, %eax
  add $8, %rsp
  ret
  check local_dynamic
  sub $8, %rsp
  lea own@tlsld(%rip), %rdi
  call __tls_get_addr@PLT
  mov own@dtpoff(%rax), %eax
  sub $12, %eax
  add $8, %rsp
  ret
  check local_dynamic_no_plt
  sub $8, %rsp
  lea own@tlsld(%rip), %rdi
  call *__tls_get_addr@GOTPCREL(%rip)
  mov own@dtpoff(%rax), %eax
  sub $12, %eax
  add $8, %rsp
  ret
  check initial_exec
  mov counter@gottpoff(%rip), %rcx
  mov %fs:(%rcx), %eax
  sub $11, %eax
  ret
  check initial_exec_add
  mov %fs:0, %rax
  add counter@gottpoff(%rip), %rax
  mov (%rax), %eax
  sub $11, %eax
  ret
  check initial_exec_high
  mov %fs:0, %r12
  add counter@gottpoff(%rip), %r12
  mov (%r12), %eax
  sub $11, %eax
  ret
  check initial_exec_table
  cmpq $0, counter@gottpoff(%rip)
  setge %al
  movzbl %al, %eax
  ret
  check descriptor
  sub $8, %rsp
  lea counter@tlsdesc(%rip), %rax
  call *counter@tlscall(%rax)
  mov %fs:(%rax), %eax
  sub $11, %eax
  add $8, %rsp
  ret
  check local_exec
  mov %fs:own@tpoff, %eax
  sub $12, %eax
  ret
  check absolute
  movabs $target, %rcx
  mov $target, %edx
  sub %rdx, %rcx
  mov target, %eax
  sub $42, %eax
  add %ecx, %eax
  ret
  check got_base
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx
  movabs $target@GOTOFF, %rax
  add %rcx, %rax
  mov (%rax), %eax
  sub $42, %eax
  ret
  check got_base_large
  lea got_base_large(%rip), %rcx
  movabs $_GLOBAL_OFFSET_TABLE_-got_base_large, %rax
  add %rax, %rcx
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rax
  sub %rcx, %rax
  ret
  check got_entry
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx
  movslq got_words(%rip), %rax
  mov (%rcx,%rax), %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check got_entry_large
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx
  movabs $target@GOT, %rax
  mov (%rcx,%rax), %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check got_entry_relative
  lea got_words+4(%rip), %rcx
  movslq (%rcx), %rax
  mov (%rcx,%rax), %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check got_entry_relative_large
  lea got_words+8(%rip), %rcx
  mov (%rcx), %rax
  mov (%rcx,%rax), %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check got_entry_of_plt
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx
  mov got_words+16(%rip), %rax
  mov (%rcx,%rax), %rcx
  mov (%rcx), %eax
  sub $42, %eax
  ret
  check plt_offset
  sub $8, %rsp
  lea _GLOBAL_OFFSET_TABLE_(%rip), %rcx
  movabs $give@PLTOFF, %rax
  add %rcx, %rax
  call *%rax
  sub $7, %eax
  add $8, %rsp
  ret
  check near_words
  lea near_words_here(%rip), %rcx
  movsbq (%rcx), %rax
  mov (%rcx,%rax), %eax
  lea near_words_here+1(%rip), %rcx
  movswq (%rcx), %rdx
  add (%rcx,%rdx), %eax
  sub $42, %eax
  ret
  check far_words
  lea far_words_here(%rip), %rcx
  mov (%rcx), %rax
  mov (%rcx,%rax), %eax
  lea far_words_here+8(%rip), %rcx
  movslq (%rcx), %rdx
  add (%rcx,%rdx), %eax
  sub $84, %eax
  ret
  check number_words
  movzbl numbers(%rip), %eax
  movzwl numbers+1(%rip), %ecx
  add %ecx, %eax
  add numbers+3(%rip), %eax
  sub $0x12+0x1234+0x12345678, %eax
  ret
  check local_dynamic_large
  sub $8, %rsp
  lea own@tlsld(%rip), %rdi
  call __tls_get_addr@PLT
  movabs $own@dtpoff, %rcx
  mov (%rax,%rcx), %eax
  sub $12, %eax
  add $8, %rsp
  ret
  check module_offsets
  mov thread_words(%rip), %rax
  sub thread_words+8(%rip), %rax
  sub $4, %eax
  ret
  check thread_offset_large
  mov thread_words+16(%rip), %rcx
  mov %fs:(%rcx), %eax
  sub $12, %eax
  ret
  check sizes
  mov $target@SIZE, %eax
  sub $4, %eax
  ret
  check sizes_large
  movabs $target@SIZE, %rax
  sub $4, %eax
  ret
  check weak
  mov nobody@GOTPCREL(%rip), %rax
  mov $nobody, %ecx
  add %ecx, %eax
  ret
give:
  mov $7, %eax
  ret
zero:
  xor %eax, %eax
  ret
  .weak nobody
  .globl give, zero
  .data
  .globl target
  .type target, @object
  .size target, 4
target: .long 42
  .section .data.words, "aw"
got_words:
  .long target@GOT, target@GOTPCREL
  .quad target@GOTPCREL, target@GOTPLT
far_words_here:
  .quad target - .
  .long target - .
numbers:
  .byte eight
  .value sixteen
  .long thirtytwo
  .reloc ., R_X86_64_NONE, target
thread_words:
  .quad own@dtpoff, counter@dtpoff, own@tpoff
  .section .text.near_words, "ax"
near_words_here:
  .byte near - .
  .value near - .
  .section .text.near_words.target, "ax"
  .globl near
near: .long 21
  .section .tdata, "awT", @progbits
  .globl counter
counter: .long 11
own: .long 12
  .section .note.GNU-stack, "", @progbits
`;

/** In an object of its own, so that the assembler does not fill these in itself. */
const NUMBERS =
  '.globl eight, sixteen, thirtytwo\n.set eight, 0x12\n.set sixteen, 0x1234\n.set thirtytwo, 0x12345678\n';
const NAMES = [...WAYS.matchAll(/^ {2}check (\w+)$/gm)].map((m) => m[1]!);

describe('x86-64 relocations', () => {
  let shop: Workshop;
  before(async () => {
    shop = await Workshop.open();
  });
  after(() => shop.close());

  it(`reach what they mean, run natively: ${NAMES.length} sequences`, async () => {
    const ways = shop.compile('ways.s', WAYS, []);
    const numbers = shop.compile('numbers.s', NUMBERS, []);
    assert.deepEqual(untriedTypes(X86_64_BACKEND, ways), []);
    const calls = NAMES.map((name) => `extern int ${name}(void);`).join('\n');
    const prints = NAMES.map((name) => `printf("${name} %d\\n", ${name}());`).join('\n');
    const main = shop.compile('main.c', `#include <stdio.h>\n${calls}\nint main(void) {\n${prints}\nreturn 0; }`);
    const run = await shop.run(shop.link([ways, main, numbers].map((path) => ({ path }))));
    assert.equal(run.output, NAMES.map((name) => `${name} 0\n`).join(''));
    assert.equal(run.status, 0);
  });

  it('turn loads from the GOT into plain instructions, so that no GOT remains', () => {
    const source =
      '.globl _start\n_start: mov x@GOTPCREL(%rip), %rax\n call *f@GOTPCREL(%rip)\n jmp *f@GOTPCREL(%rip)\nf: ret\n.data\nx: .long 1\n';
    const object = shop.compile('relax.s', source, []);
    const result = link({ inputs: [{ path: object }] });
    const file = reread(result);
    assert.ok(!file.sections.some((s) => s.name === '.got'));
    const text = file.sections.find((s) => s.name === '.text')!;
    const bytes = result.bytes.subarray(text.offset, text.offset + text.size);
    assert.deepEqual([bytes[1], bytes[7], bytes[8], bytes[13], bytes[18]], [0x8d, 0x67, 0xe8, 0xe9, 0x90]);
  });

  const made = (type: number, data: number[], value: number) =>
    link({
      inputs: [
        {
          path: 'made.o',
          bytes: makeObject(
            'x86-64',
            [
              { name: '.text', data: [0xc3] },
              {
                name: '.data',
                flags: SHF_ALLOC | SHF_WRITE,
                data,
                relocations: [{ offset: 0, type, symbol: 'there' }],
              },
            ],
            [
              { name: '_start', section: '.text' },
              { name: 'there', section: '*ABS*', value },
            ],
          ),
        },
      ],
    });

  for (const [type, bytes, fits, tooLarge] of [
    ['ABS8', 1, 0xff, 0x100],
    ['ABS16', 2, 0xffff, 0x10000],
    ['ABS32', 4, 0xffffffff, 0x100000000],
    ['ABS32S', 4, 0x7fffffff, 0x80000000],
  ] as const) {
    it(`${type}: the largest value that fits, and the next one`, () => {
      const result = made(X86[type], new Array(bytes).fill(0), fits);
      const data = reread(result).sections.find((s) => s.name === '.data')!;
      const written = Buffer.from(result.bytes).readUIntLE(data.offset, bytes);
      assert.equal(written, fits);
      assert.throws(
        () => made(X86[type], new Array(bytes).fill(0), tooLarge),
        (error: LinkError) => {
          assert.match(error.message, /relocation R_X86_64_\w+ to there: the value 0x[0-9a-f]+ does not fit/);
          assert.equal(/-mcmodel=large/.test(error.message), bytes === 4);
          assert.match(error.message, />>> referenced by made\.o:\(\.data\)\+0x0/);
          return true;
        },
      );
    });
  }

  it('of the dynamic model are refused by name', () => {
    assert.throws(
      () => made(7, [0, 0, 0, 0, 0, 0, 0, 0], 0),
      (error: LinkError) => {
        assert.equal(error.code, 'link.unsupported-relocation');
        assert.match(error.message, /R_X86_64_JUMP_SLOT/);
        return true;
      },
    );
  });

  it('that do not fit into their section are refused', () => {
    assert.throws(() => made(X86.ABS64, [0, 0, 0, 0], 1), { code: 'link.relocation' });
  });
});
