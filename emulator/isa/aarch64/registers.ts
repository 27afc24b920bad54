/** The engine's numbers of the registers of a user thread (unicorn/arm64.h). */
export const Arm = {
  x29: 1,
  x30: 2,
  nzcv: 3,
  sp: 4,
  x0: 199,
  v0: 228,
  pc: 260,
  tpidrEl0: 262,
  fpcr: 291,
  fpsr: 292,
} as const;

/** x0 to x30. */
export const X = [...Array.from({ length: 29 }, (_, index) => Arm.x0 + index), Arm.x29, Arm.x30];
export const V = Array.from({ length: 32 }, (_, index) => Arm.v0 + index);

export const aarch64Registers = [
  ...X.map((id, index) => ({ name: `x${index}`, id })),
  { name: 'sp', id: Arm.sp },
  { name: 'pc', id: Arm.pc },
  { name: 'nzcv', id: Arm.nzcv },
] as const;

export const aarch64Context = Int32Array.from([
  ...aarch64Registers.map(({ id }) => id),
  Arm.tpidrEl0,
  Arm.fpcr,
  Arm.fpsr,
  ...V,
]);
