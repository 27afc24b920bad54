#!/bin/sh
':' //; export MELF_CA_CERTS="$NODE_EXTRA_CA_CERTS" NODE_EXTRA_CA_CERTS=; exec node "$0" "$@"
// The C++ compiler of a project that builds itself as a MELF: CXX=melf-c++.
require('./start.cjs').start('c++');
