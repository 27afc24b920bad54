// Values of ld's flags.

import { type BuildId, parseBuildId } from '../build-id.ts';
import { LinkError } from '../errors.ts';

/** The kind of id; the value stands behind `=`, or nowhere. */
export function readBuildId(word: string): BuildId | undefined {
  const text = word.split('=')[1] ?? 'sha1';
  const id = text === 'none' ? undefined : parseBuildId(text);
  if (id === undefined && text !== 'none') {
    throw new LinkError('cc.ld-value', `${word} is no kind of build id`, {
      hint: 'sha1, md5, uuid, none, or 0x and an even number of hexadecimal digits',
    });
  }
  return id;
}

/**
 * An address.
 * @param hexadecimal whether it is so without `0x`, too: ld reads `-Ttext-segment` that way, lld `--image-base` not (ld(1), `-Ttext`)
 */
export function readAddress(flag: string, text: string, hexadecimal: boolean): number {
  const digits = hexadecimal ? /^(?:0x)?([\da-f]+)$/i.exec(text)?.[1] : undefined;
  const value = digits !== undefined ? Number.parseInt(digits, 16) : hexadecimal ? Number.NaN : numberIn(text);
  if (Number.isSafeInteger(value)) return value;
  throw new LinkError('cc.ld-value', `${flag}=${text} is not an address`, { hint: `for example ${flag}=0x400000` });
}

/** A number, decimal or after `0x` hexadecimal. */
export function readNumber(flag: string, text: string): number {
  const value = numberIn(text);
  if (Number.isSafeInteger(value)) return value;
  throw new LinkError('cc.ld-value', `${flag}=${text} is not a number`, {
    hint: 'give a number, decimal or after 0x hexadecimal',
  });
}

const numberIn = (text: string): number => (/^(0x[\da-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN);

/** Name and expression of `--defsym`. */
export function readDefsym(text: string): [name: string, expression: string] {
  const at = text.indexOf('=');
  if (at >= 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new LinkError('cc.ld-value', `--defsym ${text} is not of the form NAME=VALUE`, {
    hint: 'as in --defsym=end_of_heap=start_of_heap+0x1000',
  });
}
