import { UsageError } from '../base/arguments.ts';
import { suggestion } from '../base/suggest.ts';
import { loadBody, scenarioNames } from './bodies.ts';

const usage = (names: readonly string[]): string =>
  [
    'Run an experiment of the paper.',
    '',
    'USAGE  npm run scenario NAME [-- FLAGS]   (or: melf scenario NAME [FLAGS])',
    '',
    `SCENARIOS  ${names.join(', ')}`,
    '',
    'The flags of a scenario: npm run scenario NAME -- --help',
  ].join('\n');

/** `melf scenario NAME [flags]`: the flags are the scenario's own. */
export async function main(args: string[]): Promise<number> {
  const names = scenarioNames();
  const [name, ...flags] = args;
  if (name === '--help' || name === '-h') {
    process.stdout.write(`${usage(names)}\n`);
    return 0;
  }
  const known = names.length === 0 ? 'There are none in this build.' : `There are: ${names.join(', ')}.`;
  if (name === undefined || name.startsWith('-')) {
    throw new UsageError('cli.no-scenario', 'The name of the scenario is missing', {
      hint: `Write it first. ${known}`,
    });
  }
  if (!names.includes(name)) {
    throw new UsageError('cli.unknown-scenario', `There is no scenario ${name}`, {
      hint: suggestion(name, names, known),
    });
  }
  const body = await loadBody(`scenarios/${name}/scenario`);
  return body.main(flags);
}
