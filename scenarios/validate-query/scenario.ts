// The paper's first slides as a lesson: profiling for one client, in four ways.

import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine } from '../../base/arguments.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { conduct } from '../runner/experiment.ts';
import { terminalTable } from '../runner/terminal.ts';
import { teach } from './lesson.ts';
import { costTable, lessonPage, sideBySide, switchText } from './pages.ts';

const name = 'validate-query';

const flags = {
  calls: { type: 'string', default: '1000', description: 'Calls of validate_query in a turn of a client' },
  rounds: { type: 'string', default: '3', description: 'Turns of each client; the last ones are shown' },
  out: { type: 'string', description: 'Folder of the results (default: a new one below results/)' },
  json: { type: 'boolean', description: 'Print report.json on stdout, everything else on stderr' },
} as const satisfies ArgsDef;

const command = {
  meta: {
    name: `npm run scenario ${name} --`,
    description: 'One function compiled in four ways: what profiling costs whom',
  },
  args: flags,
} satisfies CommandDef<typeof flags>;

/** `npm run scenario validate-query`; the exit code is 0 when every check holds. */
export async function main(argv: string[]): Promise<number> {
  const parsed = await parseCommandLine(command, argv);
  if (parsed === undefined) return 0;
  const { args } = parsed;
  const calls = integerValue('--calls', args.calls, 8, 1_000_000);
  const rounds = integerValue('--rounds', args.rounds, 2, 1000);
  const experiment = { name, label: `${calls}-calls`, out: args.out, json: args.json === true };
  return conduct(experiment, async () => {
    await ensureEngine();
    const lesson = await teach(rounds, calls);
    return {
      report: { scenario: name, ...lesson },
      page: lessonPage(lesson),
      summary: [
        sideBySide(lesson.code, 'validate_query', ['plain', 'if', 'melf fast', 'melf prof']),
        terminalTable(costTable(lesson)),
        switchText(lesson),
      ],
      caveat: 'Instructions are counted; model cycles compare these programs, they are not those of any hardware.',
    };
  });
}
