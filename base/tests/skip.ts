/** Skips a test, or all of a suite from its `before`, and says why on stderr: a skip that nobody can explain is a test that is missing. */
export function skipBecause(context: Mocha.Context, reason: string): never {
  const title = context.test?.fullTitle() ?? 'a test';
  process.stderr.write(`      skipped: ${reason} (${title})\n`);
  return context.skip();
}
