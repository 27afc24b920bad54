// Where in a TOML or JSON text something stands. Neither parser keeps positions, so the text is asked: what is changed by a change at a place, stands there.

import { isDeepStrictEqual } from 'node:util';

export type Path = readonly (string | number)[];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const key of path) at = isObject(at) && Object.hasOwn(at, key) ? at[key as string] : undefined;
  return at;
}

export function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before[before.length - 1]!.length + 1}`;
}

/** A word that the text does not hold. */
function markerFor(text: string): string {
  let marker = 'mark';
  for (let i = 0; text.includes(marker); i++) marker = `mark${i}`;
  return marker;
}

/** A change of the text: `length` characters from `from` on are replaced. */
interface Edit {
  readonly from: number;
  readonly length: number;
  readonly by: string;
  /** What the change is about. */
  readonly at: number;
}

const matches = (text: string, pattern: RegExp): RegExpExecArray[] => [...text.matchAll(pattern)];

/** Changes that would rename the last key of a path, if they are at the right place. */
function renames(text: string, key: string, marker: string): Edit[] {
  const escaped = key.replace(/[^\w-]/g, '\\$&');
  return matches(text, new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`, 'g')).map(({ index }) => {
    const lead = /(?:\[\[?[ \t]*|["'])*$/.exec(text.slice(0, index))![0].length;
    return { from: index, length: key.length, by: marker, at: index - lead };
  });
}

/** Changes that would add a key to the table that a path ends at: behind a header or a brace. */
function additions(text: string, marker: string): Edit[] {
  const headers = matches(text, /^[ \t]*\[\[?[^\]\n]*\]\]?/gm).map((found) => ({
    from: found.index + found[0].length,
    length: 0,
    by: `\n${marker} = 1\n`,
    at: found.index,
  }));
  const braces = matches(text, /\{/g).flatMap(({ index }) =>
    [`${marker} = 1,`, `${marker} = 1`, `"${marker}": 1,`, `"${marker}": 1`].map((by) => ({
      from: index + 1,
      length: 0,
      by,
      at: index,
    })),
  );
  return [...headers, ...braces];
}

/** Changes that would make a string another one. */
const replacements = (text: string, value: string, marker: string): Edit[] =>
  ['"', "'"].flatMap((quote) => {
    const literal = `${quote}${value}${quote}`;
    const found: Edit[] = [];
    for (let from = text.indexOf(literal); from >= 0; from = text.indexOf(literal, from + 1))
      found.push({ from, length: literal.length, by: `${quote}${marker}${quote}`, at: from });
    return found;
  });

/** Longer texts are no descriptions by hand, and each attempt parses the whole. */
const longest = 100_000;

/**
 * Line and column of what `path` leads to, or of the nearest thing around it that is in the text; at last, of the text. Undefined for texts that are too long.
 *
 * @param parse reads the text; throws what it likes for one that cannot be read
 */
export function placeOf(text: string, path: Path, parse: (text: string) => unknown): string | undefined {
  if (text.length > longest) return undefined;
  const marker = markerFor(text);
  const parsed = (edited: string): unknown => {
    try {
      return parse(edited);
    } catch {
      return undefined; // this change is at no place where a key or value stands
    }
  };
  const whole = parsed(text);
  for (let length = path.length; length > 0; length--) {
    const here = path.slice(0, length);
    const last = here[length - 1]!;
    const value = valueAt(whole, here);
    const [edits, target] =
      typeof last === 'string'
        ? [renames(text, last, marker), [...here.slice(0, -1), marker]]
        : typeof value === 'string'
          ? [replacements(text, value, marker), here]
          : [additions(text, marker), [...here, marker]];
    const hits = edits.flatMap((edit) => {
      const { from, length: cut, by } = edit;
      const changed = valueAt(parsed(text.slice(0, from) + by + text.slice(from + cut)), target);
      const isHit =
        changed !== undefined && (typeof value !== 'string' || typeof last === 'string' || changed === marker);
      return isHit ? [{ at: edit.at, changed }] : [];
    });
    // Of a key that JSON has twice in an object, the last one counts.
    const hit = hits.findLast(({ changed }) => isDeepStrictEqual(changed, value)) ?? hits[0];
    if (hit !== undefined) return lineAndColumn(text, hit.at);
  }
  return lineAndColumn(text, 0);
}
