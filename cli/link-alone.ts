// `melf link` without the other commands around it: what setup/start.mjs runs as a bundle, since a build waits for each link.

import { main } from './link.ts';
import { reportAndLeave } from './report-error.ts';

/** Runs `melf link` and ends the process. */
export async function linkAlone(args: string[]): Promise<number> {
  const debug = args.includes('--debug');
  try {
    return await main(args.filter((arg) => arg !== '--debug'));
  } catch (error) {
    return reportAndLeave(error, debug);
  }
}
