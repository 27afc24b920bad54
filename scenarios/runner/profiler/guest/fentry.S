/*
 * __fentry__: called as the first instruction of every function that was compiled with -pg -mfentry, before its prologue. So nothing
 * has been saved yet, and every register that may carry an argument (System V psABI x86-64, 3.2.3; r10 is the static chain, rax the
 * number of vector arguments) has to come back as it was. melf_profile_arc is compiled with -mgeneral-regs-only: it leaves the
 * vector and x87 registers alone. The flags carry nothing into a function (3.2.1).
 *
 * With MELF_BRANCH the instrumentation is there for every client and a condition decides each time whether it counts.
 */
    .section .text.__fentry__, "ax", @progbits
    .globl __fentry__
    .type __fentry__, @function
    .p2align 4
__fentry__:
    .cfi_startproc
#ifdef MELF_BRANCH
    cmpl $0, %fs:melf_profiling@tpoff
    jne 1f
    ret
1:
#endif
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    .cfi_adjust_cfa_offset 72
    subq $8, %rsp                   /* 16-byte alignment: two return addresses and nine registers are on the stack */
    .cfi_adjust_cfa_offset 8
    movq 88(%rsp), %rdi             /* where the instrumented function returns to */
    movq 80(%rsp), %rsi             /* where this returns to, inside the instrumented function */
    call melf_profile_arc
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    .cfi_adjust_cfa_offset -72
    ret
    .cfi_endproc
    .size __fentry__, . - __fentry__

    .section .note.GNU-stack, "", @progbits
