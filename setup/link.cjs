// `melf link` in this process, from JavaScript made before: starting another one and translating the linker's sources would take longer than
// most links.

const { keepCode, loadBundle } = require('./bundle.cjs');

const linkEntry = 'cli/link-alone.ts';

async function link(args) {
  const { linkAlone } = await loadBundle(linkEntry);
  process.exitCode = await linkAlone(args);
  if (process.exitCode === 0) keepCode();
}

module.exports = { linkEntry, link };
