// Loaded into a process that is measured (`node --require`): leaves the most memory that it had, in KiB, in the file that MELF_BENCH_MEMORY names.
const { writeFileSync } = require('node:fs');

process.on('exit', () => writeFileSync(process.env.MELF_BENCH_MEMORY, String(process.resourceUsage().maxRSS)));
