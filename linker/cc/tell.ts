import { writeSync } from 'node:fs';

/** Writes to the standard error or output. A reader that has gone, as `head` has when it saw enough, ends nothing: whoever asks sees the exit code. */
export function tell(text: string | Uint8Array, output: 1 | 2 = 2): void {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(output, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A pipe that another process made non-blocking is full for the moment.
      if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
      else if (code === 'EPIPE') return;
      else throw error;
    }
  }
}
