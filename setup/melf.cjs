#!/bin/sh
':' //; export MELF_CA_CERTS="$NODE_EXTRA_CA_CERTS" NODE_EXTRA_CA_CERTS=; exec node "$0" "$@"
// The command `melf`. The line above is a shell's: setup/quick-start.cjs says why. A build waits for each link, so `melf link` runs in this
// process when its bundle is there. All else, and the first link, goes the way of every command.

const { isMade } = require('./bundle.cjs');
const { linkEntry, link } = require('./link.cjs');
const { restoreEnvironment } = require('./quick-start.cjs');

restoreEnvironment();
const [command, ...args] = process.argv.slice(2);
if (command === 'link' && isMade(linkEntry)) link(args);
else import('./start.mjs');
