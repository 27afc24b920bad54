#!/usr/bin/env node
// The C compiler of a project that builds itself as a MELF: CC=melf-cc.
import { start } from './start.mjs';

await start('c');
