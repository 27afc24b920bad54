// The process of one run (see jobs.ts): imports the module named on its command line, runs it on the input that its parent sends, answers
// and ends.

import { pathToFileURL } from 'node:url';
import { describeFailure, type JobMessage } from './jobs.ts';

interface JobModule {
  run(input: unknown): Promise<unknown>;
}

async function answer(input: unknown): Promise<JobMessage> {
  try {
    const module = (await import(pathToFileURL(process.argv[2] ?? '').href)) as JobModule;
    return { result: await module.run(input) };
  } catch (error) {
    return { error: describeFailure(error) };
  }
}

process.once('message', async (message: { input: unknown }) => {
  const reply = await answer(message.input);
  process.send?.(reply, () => process.exit(0));
});
// Without a parent there is nobody to report to.
process.once('disconnect', () => process.exit(1));
