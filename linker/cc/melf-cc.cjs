#!/usr/bin/env node
// The C compiler of a project that builds itself as a MELF: CC=melf-cc.
require('./start.cjs').start('c');
