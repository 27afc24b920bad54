import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { MelfError } from '../../base/errors.ts';

/** A new folder for temporaries, in the first place that can be written to, by gcc's list (libiberty, `choose_tmpdir`). */
export function makeScratch({ TMPDIR, TMP, TEMP }: NodeJS.ProcessEnv): string {
  const places = [TMPDIR, TMP, TEMP, '/tmp', '/var/tmp', '/usr/tmp', '.'].filter((place) => place);
  let cause: unknown;
  for (const place of places) {
    try {
      return mkdtempSync(join(place!, 'melf-cc-'));
    } catch (error) {
      cause = error;
    }
  }
  throw new MelfError('cc.no-temporary', `no temporary folder can be made in any of ${places.join(', ')}`, {
    hint: 'name one that can be written to in TMPDIR',
    cause,
  });
}
