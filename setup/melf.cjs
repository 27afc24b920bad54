#!/usr/bin/env node
// The command `melf`. A build waits for each link, so `melf link` runs in this process when its bundle is there. All else, and the first
// link, goes the way of every command.

const { isMade } = require('./bundle.cjs');
const { linkEntry, link } = require('./link.cjs');

const [command, ...args] = process.argv.slice(2);
if (command === 'link' && isMade(linkEntry)) link(args);
else import('./start.mjs');
