// execve(2): another program in the caller's process (fs/exec.c).

import { Errno } from '../errno.ts';
import { NO_ALTERNATE_STACK } from './alternate-stack.ts';
import { REGISTERS_SET } from './dispatch.ts';
import { BadExecutable, elfMachine } from './elf-image.ts';
import { leaveMemory } from './exit.ts';
import { Permission, permits } from './files/inode.ts';
import { RegularFile } from './files/regular-file.ts';
import { FutexTable } from './futex.ts';
import { ArgumentsTooLong, type LoadedProgram, loadImage, startRegisters } from './loader.ts';
import { DEFAULT_ACTION, SIG_IGN } from './signals.ts';
import type { Thread } from './thread.ts';

/** How many interpreters may be scripts themselves (exec_binprm). */
const MOST_SCRIPTS = 5;
/** As much of a script's first line as is read (BINPRM_BUF_SIZE). */
const FIRST_LINE = 256;

/** What to execute. */
export interface ExecRequest {
  /** Directory for relative paths, or the file itself when the path is empty. */
  readonly at: number;
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly follow: boolean;
  readonly allowEmpty: boolean;
}

interface Found {
  readonly bytes: Uint8Array;
  /** Absolute path. */
  readonly exe: string;
}

/** The file's bytes, if the caller may execute it, or a negated errno. */
function fileToExecute(thread: Thread, { at, path, follow, allowEmpty }: ExecRequest): Found | number {
  const { files, process } = { files: thread.kernel.files, process: thread.process };
  const found = files.find(thread, at, path, { follow, allowEmpty });
  if (typeof found === 'number') return found;
  if (!(found instanceof RegularFile)) return -Errno.EACCES;
  if (!permits(found, process.credentials, Permission.EXECUTE)) return -Errno.EACCES;
  const bytes = new Uint8Array(found.size);
  const count = found.content.read(0, bytes);
  if (count < 0) return count;
  const place = path === '' ? undefined : files.resolve(thread, at, path, follow);
  const exe =
    place === undefined ? process.files.get(at)?.path : typeof place === 'number' ? path : files.pathOf(thread, place);
  return { bytes: bytes.subarray(0, count), exe: exe ?? path };
}

/** "#!/bin/sh -x" -> the interpreter and its one argument; undefined where the file is no script. */
export function interpreterOf(bytes: Uint8Array): readonly [path: string, argument?: string] | undefined {
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) return undefined;
  const text = Buffer.from(bytes.subarray(2, FIRST_LINE)).toString('latin1');
  const line = text.split('\n')[0]!.split('\0')[0]!.trim();
  const [path = ''] = line.split(/[ \t]/, 1);
  if (path === '') return undefined;
  const argument = line.slice(path.length).trim();
  return argument === '' ? [path] : [path, argument];
}

/** Follows scripts to their interpreters. */
function programOf(thread: Thread, request: ExecRequest): (Found & { argv: readonly string[] }) | number {
  let wanted = request;
  for (let depth = 0; depth <= MOST_SCRIPTS; depth++) {
    const found = fileToExecute(thread, wanted);
    if (typeof found === 'number') return found;
    const interpreter = interpreterOf(found.bytes);
    if (interpreter === undefined) return { ...found, argv: wanted.argv };
    const script = wanted.path === '' ? found.exe : wanted.path;
    wanted = {
      ...wanted,
      path: interpreter[0],
      argv: [...interpreter.filter((part) => part !== undefined), script, ...wanted.argv.slice(1)],
      follow: true,
    };
  }
  return -Errno.ELOOP;
}

/** Executes a program. Returns a negated errno, or never to what called it. */
export function execute(thread: Thread, request: ExecRequest): number {
  const { kernel } = thread;
  const found = programOf(thread, { ...request, argv: request.argv.length === 0 ? [''] : request.argv });
  if (typeof found === 'number') return found;
  const { bytes, exe, argv } = found;
  let program: LoadedProgram;
  try {
    program = loadImage(kernel, bytes, {
      exe,
      argv,
      env: request.env,
      features: kernel.commonFeatures(thread.affinity),
    });
  } catch (error) {
    if (error instanceof ArgumentsTooLong) return -Errno.E2BIG;
    if (!(error instanceof BadExecutable)) throw error;
    // A text without "#!" is no error to tell of: shells go on and interpret it.
    if (elfMachine(bytes) !== undefined) kernel.report(`execve: ${error.message}`, error.hint);
    return -Errno.ENOEXEC;
  }
  enter(thread, program, { exe, argv, env: request.env });
  for (const hook of kernel.execs) hook(thread.process, bytes);
  return REGISTERS_SET;
}

/** From here on there is no way back. */
function enter(
  thread: Thread,
  program: LoadedProgram,
  { exe, argv, env }: Pick<ExecRequest, 'argv' | 'env'> & { exe: string },
): void {
  const { kernel, process } = thread;
  const now = kernel.now();
  kernel.exits.siblings(thread);
  leaveMemory(thread);
  const left = { space: process.space, view: thread.view };
  if (thread.tid !== process.pid) {
    process.threads.delete(thread.tid);
    thread.tid = process.pid;
    process.threads.set(thread.tid, thread);
  }
  process.space = program.space;
  process.futexes = new FutexTable();
  Object.assign(process, { exe, argv, env, symbols: program.symbols, isExecuted: true });
  process.timers.deletePosix();
  process.actions = process.actions.map((action) =>
    action.handler === SIG_IGN ? { ...DEFAULT_ACTION, handler: SIG_IGN } : DEFAULT_ACTION,
  );
  if (process.files.isShared) {
    const own = process.files.copy(process.pid);
    process.files.release(now);
    process.files = own;
  }
  process.files.closeForExec(now);
  thread.enterView(program.space.views.base);
  for (const hook of kernel.threadEnds) hook(thread, left);
  if (thread.overriddenAffinity !== undefined) kernel.scheduler.override(thread, undefined);
  left.space.release();
  process.leaveMemory(now);
  thread.comm = exe.slice(exe.lastIndexOf('/') + 1).slice(0, 15);
  thread.clearChildTid = thread.robustList = 0;
  thread.sequence = undefined;
  thread.alternateStack = NO_ALTERNATE_STACK;
  startRegisters(thread, program.entry, program.sp);
  if (kernel.events.enabled) kernel.events.emit({ type: 'process:exec', time: now, pid: process.pid, name: exe });
}
