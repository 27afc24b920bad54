// The few programs that must come from the system: a compiler for this machine, make, and what unpacks sources.

import { ask, findProgram, run } from '../base/command.ts';
import { SetupError } from './errors.ts';
import { aptExists } from './packages.ts';
import { step } from './progress.ts';

/** A program and the Debian package that has it. */
export interface HostTool {
  readonly program: string;
  readonly packageName: string;
}

const tool = (program: string, packageName: string): HostTool => ({ program, packageName });

export const compileTools: readonly HostTool[] = [tool('gcc', 'gcc'), tool('ar', 'binutils'), tool('make', 'make')];
export const addonTools: readonly HostTool[] = [tool('g++', 'g++')];
export const unpackTools: readonly HostTool[] = [tool('tar', 'tar'), tool('xz', 'xz-utils'), tool('patch', 'patch')];

/** The one command that installs the packages of these tools on a Debian machine. */
export function installCommand(tools: readonly HostTool[]): string {
  const names = [...new Set(tools.map(({ packageName }) => packageName))].sort();
  return `apt-get install -y --no-install-recommends ${names.join(' ')}`;
}

const allTools: readonly HostTool[] = [...compileTools, ...addonTools, ...unpackTools];

const missingOf = (tools: readonly HostTool[]): HostTool[] =>
  tools.filter(({ program }) => findProgram(program) === undefined);

const namesOf = (tools: readonly HostTool[]): string => tools.map(({ program }) => program).join(', ');

/**
 * Makes sure that the tools are on PATH. When one is missing, every missing tool of the whole set-up is dealt with, so that a user is asked
 * once: as root on a machine with apt they are installed, otherwise the error says the one command to run.
 */
export async function ensureHostTools(tools: readonly HostTool[]): Promise<void> {
  if (missingOf(tools).length === 0) return;
  const missing = missingOf(allTools);
  if (process.getuid?.() !== 0 || !aptExists()) {
    throw new SetupError('setup.missing-tools', `This machine lacks ${namesOf(missing)}`, {
      hint: aptExists()
        ? `Run: sudo sh -c 'apt-get update && ${installCommand(missing)}'`
        : `Install ${namesOf(missing)} with this machine's package manager, then start the same command again.`,
    });
  }
  await step(`system packages for ${namesOf(missing)}`, async () => {
    await run(['apt-get', 'update', '-q'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
    await run(installCommand(missing).split(' '), { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  });
  const still = missingOf(tools);
  if (still.length > 0) {
    throw new SetupError('setup.missing-tools', `The packages were installed, but ${namesOf(still)} cannot be found`, {
      facts: { PATH: process.env.PATH },
      hint: 'Check PATH.',
    });
  }
}

/** The first line of `PROGRAM --version`, the identity of a tool in cache keys and reports. */
export function versionLine(program: string): string {
  return ask([program, '--version'])?.split('\n')[0] ?? 'unknown';
}
