// A process that makes runs (see jobs.ts): imports the module named on its command line, runs it on each input that its parent sends, and answers.

import { pathToFileURL } from 'node:url';
import { describeFailure, type JobMessage } from './jobs.ts';

interface JobModule {
  run(input: unknown): Promise<unknown>;
}

async function answer(input: unknown): Promise<JobMessage> {
  try {
    const module = (await import(pathToFileURL(process.argv[2] ?? '').href)) as JobModule;
    return { result: await module.run(input), memory: process.memoryUsage.rss() };
  } catch (error) {
    return { error: describeFailure(error) };
  }
}

process.on('message', async (message: { input: unknown }) => {
  process.send?.(await answer(message.input));
});
// Without a parent there is nobody to report to.
process.once('disconnect', () => process.exit(1));
