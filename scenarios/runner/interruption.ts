// A run that is told to stop ends by process.exit, so that unfinished results are removed and the runs' processes stopped.

/** What a terminal, a shell or a CI sends to end a command, and the exit code that a shell shows for it. */
const endings = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** From now on these signals end the process in order. */
export function endInOrder(): void {
  for (const [signal, code] of Object.entries(endings)) process.once(signal, () => process.exit(code));
}
