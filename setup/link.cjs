// `melf link` in this process, from JavaScript made before: starting another one and translating the linker's sources would take longer than
// most links.

const { setFlagsFromString } = require('node:v8');
const { keepCode, loadBundle } = require('./bundle.cjs');

const linkEntry = 'cli/link-alone.ts';

async function link(args) {
  // What a linker allocates stays to the end: a young generation that grows slowly copies it again and again.
  setFlagsFromString('--semi-space-growth-factor=16');
  const { linkAlone } = await loadBundle(linkEntry);
  process.exitCode = await linkAlone(args);
  if (process.exitCode === 0) keepCode();
}

module.exports = { linkEntry, link };
