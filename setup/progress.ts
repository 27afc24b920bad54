import pc from 'picocolors';

/** Set-up steps tell what they did and how long it took: one line each, on stderr, none when nothing had to be done. */
let open: string[] = [];

function write(text: string): void {
  process.stderr.write(text);
}

function drawOpenLine(): void {
  const label = open.at(-1);
  if (process.stderr.isTTY && label !== undefined) write(`\r\x1b[2K${pc.dim('·')} ${label} ...`);
}

function line(text: string): void {
  write(process.stderr.isTTY ? `\r\x1b[2K${text}\n` : `${text}\n`);
  drawOpenLine();
}

/** Seconds with one decimal, as the step lines show them. */
export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

/** Runs one step of the set-up; its line appears when it ends. A failed step is marked and its error goes on. */
export async function step<T>(label: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  open = [...open, label];
  drawOpenLine();
  let done = false;
  try {
    const result = await work();
    done = true;
    return result;
  } finally {
    open = open.filter((other) => other !== label);
    line(`${done ? pc.green('✓') : pc.red('✗')} ${label} (${seconds(performance.now() - started)})`);
  }
}

/** How far the innermost open step is, on its line; only where lines can be drawn over. */
export function detail(text: string): void {
  const label = open.at(-1);
  if (process.stderr.isTTY && label !== undefined) write(`\r\x1b[2K${pc.dim('·')} ${label}: ${text}`);
}

/** One line beside the steps, as "waiting for another run". */
export function note(text: string): void {
  line(`${pc.dim('·')} ${text}`);
}
