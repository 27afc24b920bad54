// The paper's first slides as a lesson: profiling for one client, in four ways.

import type { ArgsDef, CommandDef } from 'citty';
import { integerValue, parseCommandLine } from '../../base/arguments.ts';
import type { Isa } from '../../emulator/isa/isa.ts';
import { ensureEngine } from '../../setup/engine.ts';
import { conduct } from '../runner/experiment.ts';
import { terminalTable } from '../runner/terminal.ts';
import { type Lesson, teach } from './lesson.ts';
import { costTable, lessonPage, sideBySide, switchText } from './pages.ts';

const name = 'validate-query';

const flags = {
  calls: { type: 'string', default: '1000', description: 'Calls of validate_query in a turn of a client' },
  rounds: { type: 'string', default: '3', description: 'Turns of each client; the last ones are shown' },
  isa: {
    type: 'enum',
    options: ['x86-64', 'aarch64', 'both'],
    default: 'x86-64',
    description: 'Instruction set of the guest',
  },
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
  const isas: readonly Isa[] = args.isa === 'both' ? ['x86-64', 'aarch64'] : [args.isa as Isa];
  return conduct(experiment, async (folder) => {
    await ensureEngine();
    const lessons: Lesson[] = [];
    for (const isa of isas) lessons.push(await teach(isa, rounds, calls));
    const [first, ...others] = lessons as [Lesson, ...Lesson[]];
    // A lesson is a page: that of another ISA lies beside the first.
    for (const other of others) folder.write(`report-${other.isa}.html`, lessonPage(other));
    const checks = lessons.flatMap(({ isa, checks: own }) =>
      own.map((check) => (others.length > 0 ? { ...check, name: `${isa}: ${check.name}` } : check)),
    );
    return {
      report: { scenario: name, ...first, checks, ...(others.length > 0 ? { others } : {}) },
      page: lessonPage(first),
      summary: lessons.flatMap((lesson) => [
        ...(others.length > 0 ? [lesson.isa] : []),
        sideBySide(lesson.code, 'validate_query', ['plain', 'if', 'melf fast', 'melf prof']),
        terminalTable(costTable(lesson)),
        switchText(lesson),
      ]),
      caveat: 'Instructions are counted; model cycles compare these programs, they are not those of any hardware.',
    };
  });
}
