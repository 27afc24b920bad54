#!/usr/bin/env node
// The C++ compiler of a project that builds itself as a MELF: CXX=melf-c++.
require('./start.cjs').start('c++');
