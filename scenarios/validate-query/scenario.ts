// The paper's first slides as a lesson: profiling for one client, in four ways.

import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine } from '../../base/arguments.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { note, seconds } from '../../setup/progress.ts';
import { ResultFolder } from '../runner/results.ts';
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
  const started = performance.now();
  await ensureEngine();
  const folder = ResultFolder.create(name, `${calls}-calls`, args.out);
  try {
    const lesson = await teach(rounds, calls);
    const text = `${JSON.stringify({ scenario: name, ...lesson }, undefined, 2)}\n`;
    folder.write('report.json', text);
    folder.write('report.html', lessonPage(lesson));
    folder.publish();
    const show = (line: string): void => void process.stderr.write(`${line}\n`);
    show(`\n${sideBySide(lesson.code, 'validate_query', ['plain', 'if', 'melf fast', 'melf prof'])}\n`);
    const { head, rows } = costTable(lesson);
    show(`${terminalTable(head, rows)}\n\n${switchText(lesson)}\n`);
    for (const { ok, name: what, detail } of lesson.checks)
      show(`${ok ? '✓' : '✗'} ${what}${ok ? '' : ` — ${detail}`}`);
    note(`results in ${folder.path} (${seconds(performance.now() - started)})`);
    if (args.json === true) process.stdout.write(text);
    return lesson.checks.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    folder.discard();
  }
}
