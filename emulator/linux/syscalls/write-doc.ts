// Writes docs/syscalls.md from the code.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderSyscalls } from './doc.ts';
import { topics } from './topics.ts';

writeFileSync(join(import.meta.dirname, '../../../docs/syscalls.md'), renderSyscalls(topics));
