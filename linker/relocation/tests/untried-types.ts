import { readFileSync } from 'node:fs';
import { COMMON, readObject } from '../../object.ts';
import type { RelocationBackend } from '../backend.ts';

/** Names of the types that a static link may hold and of which none of these objects has a relocation. */
export function untriedTypes(backend: RelocationBackend, ...paths: readonly string[]): string[] {
  const objects = paths.map((path) => readObject(readFileSync(path), { path, variant: COMMON, unit: '' }));
  const sections = objects.flatMap((object) => object.sections);
  const used = new Set(sections.flatMap((section) => [...(section?.relocations.types ?? [])]));
  return backend.types.filter((type) => !used.has(type)).map(backend.typeName);
}
