// The few programs that must come from the system: a compiler for this machine, make, and what unpacks sources.

import { ask, findProgram, run } from './command.ts';
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

/**
 * Makes sure that the tools are on PATH. As root on a machine with apt the missing ones are installed; otherwise the error says the one
 * command to run.
 */
export async function ensureHostTools(tools: readonly HostTool[]): Promise<void> {
  const missing = tools.filter(({ program }) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const programs = missing.map(({ program }) => program).join(', ');
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !aptExists()) {
    throw new SetupError('setup.missing-tools', `This machine lacks ${programs}`, {
      hint: aptExists()
        ? `Run: sudo sh -c 'apt-get update && ${installCommand(missing)}'`
        : `Install ${programs} with this machine's package manager, then start the same command again.`,
    });
  }
  await step(`system packages for ${programs}`, async () => {
    await run(['apt-get', 'update', '-q'], { env: { DEBIAN_FRONTEND: 'noninteractive' } });
    await run(installCommand(missing).split(' '), { env: { DEBIAN_FRONTEND: 'noninteractive' } });
  });
}

/** The first line of `PROGRAM --version`, the identity of a tool in cache keys and reports. */
export function versionLine(program: string): string {
  return ask([program, '--version'])?.split('\n')[0] ?? 'unknown';
}
