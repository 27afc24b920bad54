import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './errors.ts';

function findRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      const { name } = JSON.parse(readFileSync(manifest, 'utf8')) as { name?: string };
      if (name === 'melf-sandbox') return folder;
    }
    if (dirname(folder) === folder) {
      throw new SetupError('setup.no-project', `No melf-sandbox project around ${start}`, {
        hint: 'Keep the folder setup/ (or dist/setup/) inside the project.',
      });
    }
  }
}

/** The project's folder, the one with package.json, whether this code runs from its sources or from dist/. */
export const projectRoot: string = findRoot(import.meta.dirname);
