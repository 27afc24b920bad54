/** The variant that each view shows: the base view has the default, and libmelf makes the other one when a connection first asks for it. */
export const variantOfView: readonly string[] = ['fast', 'prof'];
