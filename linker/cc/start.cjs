// The start of melf-cc and melf-c++. A configure script runs hundreds of compiles, so this must be quick.

const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { restoreEnvironment, tune } = require('../../setup/quick-start.cjs');

/** Runs the driver as `c` or `c++` compiler and ends the process as it ends. */
exports.start = async (language) => {
  const argv = process.argv.slice(2);
  restoreEnvironment();
  tune();
  // An installed package holds finished JavaScript.
  const built = join(__dirname, 'driver.js');
  if (existsSync(built)) {
    const { main } = await import(pathToFileURL(built).href);
    process.exitCode = await main(language, argv);
    return;
  }
  const { loadBundle, keepCode } = require('../../setup/bundle.cjs');
  const { main } = await loadBundle('linker/cc/driver.ts');
  process.exitCode = await main(language, argv);
  // A question about the compiler alone uses too little of the driver.
  if (process.exitCode === 0 && argv.some((word) => /\.(c|cc|cpp|cxx|o)$/.test(word))) keepCode();
};
