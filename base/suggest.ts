import { editDistance } from './edit-distance.ts';

/** The known word that was probably meant, if one is near enough. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const prefixed = known.filter((candidate) => word.length >= 3 && candidate.startsWith(word));
  if (prefixed.length === 1) return prefixed[0];
  const most = Math.max(1, Math.floor(word.length / 3));
  const [best] = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .filter(({ distance }) => distance <= most)
    .sort((x, y) => x.distance - y.distance);
  return best?.candidate;
}

/** A hint for a word that is not among the known ones. */
export function suggestion(word: string, known: readonly string[], help: string): string {
  const meant = nearest(word, known);
  return meant === undefined ? help : `Did you mean ${meant}? ${help}`;
}
