// `melf link` in this process, from JavaScript made before: starting another one and translating the linker's sources would take longer than
// most links.

const { tune } = require('./quick-start.cjs');
const { keepCode, loadBundle } = require('./bundle.cjs');

const linkEntry = 'cli/link-alone.ts';

async function link(args) {
  tune();
  const { linkAlone } = await loadBundle(linkEntry);
  process.exitCode = await linkAlone(args);
  if (process.exitCode === 0) keepCode();
  // Nothing is left to do: Node need not take its heap apart before it ends.
  process.exit();
}

module.exports = { linkEntry, link };
