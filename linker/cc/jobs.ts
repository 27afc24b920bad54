// How many compilers run at once. A build tool starts as many melf-cc as it was told to; each runs one compiler for that. The further
// variants may be compiled at the same time only while fewer compilers than processors run, counting those of all melf-cc of this user: `make`
// alone then uses what is there, and `ninja -j2` on two processors does not become four.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

/** The running compilers of one user: a file in one folder for each, named by the melf-cc that started it. */
export class Jobs {
  readonly #folder: string;
  readonly #limit: number;
  #next = 0;

  /** @param limit `MELF_JOBS`, or the number of processors */
  constructor(environment: NodeJS.ProcessEnv, folder = join(tmpdir(), `melf-cc-jobs-${process.getuid?.() ?? 0}`)) {
    const asked = Number(environment.MELF_JOBS);
    this.#limit = Number.isInteger(asked) && asked > 0 ? asked : availableParallelism();
    this.#folder = folder;
  }

  /** Whether one more compiler may run beside what the build tool asked for. A guess: another melf-cc may start at the same moment. */
  mayAdd(): boolean {
    if (this.#limit === 1) return false;
    let running = 0;
    for (const name of this.#names()) {
      if (lives(Number.parseInt(name, 10))) running++;
      else rmSync(join(this.#folder, name), { force: true });
    }
    return running < this.#limit;
  }

  /** Counts a compiler as running until the result is called. */
  add(): () => void {
    const file = join(this.#folder, `${process.pid}-${this.#next++}`);
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(file, '');
    } catch {
      // A temporary folder that cannot be written to: the compiler will say so better. Nothing is counted.
    }
    return () => rmSync(file, { force: true });
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch {
      return [];
    }
  }
}
