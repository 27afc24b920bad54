// Where a report's figures come from.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../setup/project.ts';

/** Where the published figures are from that reports show beside their own. */
export const paperSource =
  'D. Töllner, C. Dietrich, I. Ostapyshyn, F. Rommel, D. Lohmann: MELF: Multivariant Executables for a Heterogeneous World, USENIX ATC 2023, slides';

/** The versions of everything that made the figures: ours, Node's and what the scenario names. */
export function versionsWith(others: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string };
  return { 'melf-sandbox': version, node: process.version, ...others };
}

/** What is to be said beside every time and latency. */
export const modelCaveat =
  'Times are model cycles as time: they compare configurations, they are not those of any hardware.';
