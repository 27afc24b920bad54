/** What is to be done when a signal ends this process while a compiler runs. */
export const cleanups = new Set<() => void>();

/** Called when a signal ends this process while a compiler runs. Gives the function that takes it back. */
export function onEnd(clean: () => void): () => void {
  cleanups.add(clean);
  return () => cleanups.delete(clean);
}
