/** The engine's numbers of the registers of a user thread (unicorn/x86.h). */
export const X86 = {
  rflags: 25,
  fpsw: 31,
  rax: 35,
  rbp: 36,
  rbx: 37,
  rcx: 38,
  rdi: 39,
  rdx: 40,
  rip: 41,
  rsi: 43,
  rsp: 44,
  fp0: 82,
  r8: 106,
  r9: 107,
  r10: 108,
  r11: 109,
  r12: 110,
  r13: 111,
  r14: 112,
  r15: 113,
  xmm0: 122,
  fpcw: 246,
  fptag: 247,
  mxcsr: 249,
  fsBase: 250,
  gsBase: 251,
} as const;

const run = (first: number, count: number): number[] => Array.from({ length: count }, (_, index) => first + index);

/** x87 registers by number, not by distance from the top. */
export const X87_STACK = run(X86.fp0, 8);
export const XMM = run(X86.xmm0, 16);

export const x86Registers = [
  { name: 'rax', id: X86.rax },
  { name: 'rbx', id: X86.rbx },
  { name: 'rcx', id: X86.rcx },
  { name: 'rdx', id: X86.rdx },
  { name: 'rsi', id: X86.rsi },
  { name: 'rdi', id: X86.rdi },
  { name: 'rbp', id: X86.rbp },
  { name: 'rsp', id: X86.rsp },
  { name: 'r8', id: X86.r8 },
  { name: 'r9', id: X86.r9 },
  { name: 'r10', id: X86.r10 },
  { name: 'r11', id: X86.r11 },
  { name: 'r12', id: X86.r12 },
  { name: 'r13', id: X86.r13 },
  { name: 'r14', id: X86.r14 },
  { name: 'r15', id: X86.r15 },
  { name: 'rip', id: X86.rip },
  { name: 'rflags', id: X86.rflags },
] as const;

/** The control word comes before the registers it describes; the tag word after them, since writing a register marks it valid. */
export const x86Context = Int32Array.from([
  ...x86Registers.map(({ id }) => id),
  X86.fsBase,
  X86.gsBase,
  X86.mxcsr,
  X86.fpcw,
  X86.fpsw,
  ...X87_STACK,
  X86.fptag,
  ...XMM,
]);
