// `melf link` without the other commands around it: what setup/start.mjs runs as a bundle, since a build waits for each link.

import { main } from './link.ts';

/** Runs `melf link` and ends the process. */
export async function linkAlone(args: string[]): Promise<number> {
  const debug = args.includes('--debug');
  try {
    return await main(args.filter((arg) => arg !== '--debug'));
  } catch (error) {
    const { reportAndLeave } = await import('./report-error.ts');
    return reportAndLeave(error, debug);
  }
}
