// The command `melf`: finds the command's body, runs it, and shows errors as a user can read them. Bodies are loaded when they are
// asked for, so that each start pays only for what it uses.

import { defineCommand } from 'citty';
import { UsageError, usageText } from '../base/arguments.ts';
import { suggestion } from '../base/suggest.ts';
import { loadBody } from './bodies.ts';
import { reportAndLeave } from './report-error.ts';

interface Command {
  readonly description: string;
  /** The body's file, from the project's folder, without its ending. */
  readonly file: string;
  /** What follows the first operand belongs to the guest program. */
  readonly guestArguments?: boolean;
}

const commands: Readonly<Record<string, Command>> = {
  link: { description: 'Link object files and archives to a MELF file', file: 'cli/link' },
  inspect: { description: 'Show the variants, slots and pages of a MELF file', file: 'cli/inspect' },
  addr2line: { description: 'Show the source of code addresses, variant by variant', file: 'cli/addr2line' },
  run: { description: 'Run a guest program on emulated cores', file: 'cli/run', guestArguments: true },
  scenario: { description: 'Run an experiment of the paper', file: 'cli/scenario' },
  bench: { description: "Measure the sandbox's own speed beside its peers'", file: 'bench/main' },
  test: { description: 'Lint, type check and run the tests', file: 'cli/test' },
};

function usage(): Promise<string> {
  const subCommands = Object.fromEntries(
    Object.entries(commands).map(([name, { description }]) => [name, defineCommand({ meta: { name, description } })]),
  );
  return usageText(
    defineCommand({ meta: { name: 'melf', description: 'Multivariant executables on emulated cores' }, subCommands }),
  );
}

/** `--debug` counts before the command and among its flags, but not among a guest program's arguments. */
function wantsDebug(args: readonly string[]): boolean {
  const name = args.find((arg) => !arg.startsWith('-')) ?? '';
  const afterName = args.slice(args.indexOf(name) + 1);
  const firstOperand = afterName.findIndex((arg) => !arg.startsWith('-'));
  const guestsFrom = commands[name]?.guestArguments === true ? firstOperand : afterName.indexOf('--');
  const ours = guestsFrom < 0 ? afterName : afterName.slice(0, guestsFrom);
  return args.slice(0, args.indexOf(name)).includes('--debug') || ours.includes('--debug');
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args[0] === '--debug' ? args.slice(1) : args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    (name === undefined ? process.stderr : process.stdout).write(`${await usage()}\n`);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    const known = Object.keys(commands);
    const kind = name.startsWith('-') ? 'flag' : 'command';
    throw new UsageError(`cli.unknown-${kind}`, `There is no ${kind} ${name}`, {
      hint: suggestion(name, known, `The commands are ${known.join(', ')}; see melf --help.`),
    });
  }
  return (await loadBody(command.file)).main(rest);
}

const args = process.argv.slice(2);
const debug = wantsDebug(args);

const leave = (error: unknown): never => reportAndLeave(error, debug);

process.on('uncaughtException', leave);
process.on('unhandledRejection', leave);
// A reader that had enough (`melf inspect FILE | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  leave(error);
});

try {
  // A body that returned is done: a handle that it left open (a watcher, a native engine) must not keep the shell waiting.
  process.exit(await dispatch(args));
} catch (error) {
  leave(error);
}
