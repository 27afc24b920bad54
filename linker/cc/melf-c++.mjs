#!/usr/bin/env node
// The C++ compiler of a project that builds itself as a MELF: CXX=melf-c++.
import { start } from './start.mjs';

await start('c++');
