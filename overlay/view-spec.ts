// Views that mix variants function by function.

import { MelfError } from '../base/errors.ts';
import type { MelfFunction, MelfInfo, MelfPageGroup } from '../linker/melf-format.ts';
import type { MelfFile } from '../linker/melf-reader.ts';
import { globMatcher } from '../linker/options.ts';

/** Which variant each function is to show. */
export interface ViewSpec {
  /** Of every function that no pattern names. */
  readonly default: string;
  /** Function names, with `*` and `?`; where several match, the last counts. */
  readonly functions?: Readonly<Record<string, string>>;
}

/** A spec that names what is not there, or that the file's pages cannot do. */
export class ViewSpecError extends MelfError {}

/** @throws ViewSpecError with the names there are. */
export function variantIndex({ variants }: MelfInfo, name: string): number {
  const index = variants.findIndex((one) => one.name === name);
  if (index >= 0) return index;
  throw new ViewSpecError('overlay.unknown-variant', `the program has no variant "${name}"`, {
    hint: `it has: ${variants.map((one) => one.name).join(', ')}`,
  });
}

/** The variant that a spec wants for each function, in the functions' order. */
function wantedVariants(melf: MelfInfo, spec: ViewSpec): number[] {
  const fallback = variantIndex(melf, spec.default);
  const rules = Object.entries(spec.functions ?? {}).map(([pattern, name]) => {
    const matches = globMatcher([pattern]);
    if (!melf.functions.some((f) => matches(f.name))) {
      throw new ViewSpecError('overlay.unknown-function', `no multivariant function matches "${pattern}"`, {
        hint: '`melf inspect FILE` lists them; functions that exist once are common code, and the same in all views',
      });
    }
    return { matches, variant: variantIndex(melf, name) };
  });
  return melf.functions.map((f) => rules.findLast(({ matches }) => matches(f.name))?.variant ?? fallback);
}

/** The variants whose body of a function is the very code that `wanted` has. */
const equalBodies = ({ bodies }: MelfFunction, wanted: number): number[] =>
  [...bodies.keys()].filter(
    (variant) => bodies[variant]!.hash === bodies[wanted]!.hash && bodies[variant]!.size === bodies[wanted]!.size,
  );

/** One variant that shows every function of a page group as wanted. */
function variantOfGroup(melf: MelfInfo, group: MelfPageGroup, wanted: readonly number[]): number {
  const indices = Array.from({ length: group.functionCount }, (_, at) => group.firstFunction + at);
  let possible = [...melf.variants.keys()];
  for (const index of indices) {
    const able = equalBodies(melf.functions[index]!, wanted[index]!);
    const both = possible.filter((variant) => able.includes(variant));
    if (both.length > 0) {
      possible = both;
      continue;
    }
    throw packed(melf, indices, wanted);
  }
  const [first = 0] = possible;
  // The one that most functions ask for by name, if it is possible: what the view then shows is what was written.
  return indices.map((index) => wanted[index]!).find((variant) => possible.includes(variant)) ?? first;
}

/** Names, on either side, all functions of the group that more than one variant has a body of its own for. */
function packed(melf: MelfInfo, indices: readonly number[], wanted: readonly number[]): ViewSpecError {
  const sides = new Map<number, string[]>();
  for (const index of indices) {
    const { name } = melf.functions[index]!;
    const variant = wanted[index]!;
    if (equalBodies(melf.functions[index]!, variant).length === melf.variants.length) continue;
    sides.set(variant, [...(sides.get(variant) ?? []), name]);
  }
  const told = [...sides].map(([variant, names]) => `${names.join(', ')} (${melf.variants[variant]!.name})`);
  const fewest = [...sides.values()].reduce((a, b) => (b.length < a.length ? b : a));
  const flags = fewest.map((name) => `--page-align=${name}`).join(' ');
  return new ViewSpecError(
    'overlay.packed-page',
    `one page cannot show two variants: ${told.join(' and ')} share one`,
    {
      hint: `link with ${flags} to give them pages of their own (melf-cc: page-align of [link] in melf.toml), or ask for one variant of all of these`,
    },
  );
}

/** The bytes of the window that a spec describes. Throws {@link ViewSpecError}. */
export function composeWindow(file: MelfFile, spec: ViewSpec): Uint8Array {
  const { melf } = file;
  if (melf === undefined) {
    throw new ViewSpecError('overlay.not-multivariant', 'the program holds no variants', {
      hint: 'link it with `melf link --variant NAME:OBJECTS`; `melf inspect FILE` shows what a file holds',
    });
  }
  const wanted = wantedVariants(melf, spec);
  const window = Uint8Array.from(file.window(variantIndex(melf, spec.default)));
  for (const group of melf.pageGroups) {
    const variant = variantOfGroup(melf, group, wanted);
    const at = group.va - melf.windowVa;
    window.set(file.window(variant).subarray(at, at + group.size), at);
  }
  return window;
}
