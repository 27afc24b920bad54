// What CMake is told about MariaDB: a small server, static, with libraries from packages; and, for another instruction set than the host's, with
// which programs.

import { extname, join } from 'node:path';
import type { Isa } from '../../setup/toolchain.ts';
import type { BuildTools } from './build-tools.ts';

const guestProgram = join(import.meta.dirname, `guest-program${extname(import.meta.filename)}`);

/** Storage engines and plugins that are left out: the server keeps CSV, MEMORY, Aria, MyISAM and MERGE. */
const withoutPlugins =
  'INNOBASE ROCKSDB MROONGA CONNECT SPIDER PERFSCHEMA PARTITION SPHINX ARCHIVE BLACKHOLE FEDERATED FEDERATEDX EXAMPLE SEQUENCE OQGRAPH ' +
  'COLUMNSTORE S3 FEEDBACK THREAD_POOL_INFO';

/** What configure must not find, since it is on some machines and not on others. */
const withoutPackages = 'LIBAIO URING Java JNI Boost LibXml2';

const variable = (name: string, value: string): string => `-D${name}=${value}`;

/** What CMake cannot ask the host when it builds for another instruction set. */
function crossVariables({ cross }: BuildTools): string[] {
  if (cross === undefined) return [];
  return [
    variable('CMAKE_SYSTEM_NAME', 'Linux'),
    variable('CMAKE_SYSTEM_PROCESSOR', cross.triple.split('-')[0]!),
    ...(['ar', 'ranlib', 'nm', 'objcopy', 'strip'] as const).map((name) =>
      variable(`CMAKE_${name.toUpperCase()}`, cross[name]),
    ),
  ];
}

/** Atomics of AArch64 by instructions that every CPU has, without a call and a look at the CPU for each; MariaDB would ask for those by itself. */
const inlineAtomics = {
  flags: ['-mno-outline-atomics'],
  variables: ['C', 'CXX'].map((language) => variable(`have_${language}__moutline_atomics`, '0')),
};

/** CMake's words: all that the objects depend on. */
export function cmakeVariables(tools: BuildTools, isa: Isa, root: string): string[] {
  const flags = `-O2 -g0 -DNDEBUG -DDBUG_OFF -ffile-prefix-map=${root}/=/mariadb/ -isystem ${tools.includes}`;
  const always = ['-fno-pie', ...(isa === 'aarch64' ? inlineAtomics.flags : [])].join(' ');
  const curses = join(tools.libraries, 'libncurses.a');
  return [
    variable('CMAKE_BUILD_TYPE', 'RelWithDebInfo'),
    variable('CMAKE_C_FLAGS_RELWITHDEBINFO', flags),
    variable('CMAKE_CXX_FLAGS_RELWITHDEBINFO', flags),
    variable('CMAKE_C_FLAGS', always),
    variable('CMAKE_CXX_FLAGS', always),
    variable('CMAKE_EXE_LINKER_FLAGS', `-static -no-pie -L${tools.libraries}`),
    ...[
      'DISABLE_SHARED=ON',
      'SECURITY_HARDENED=OFF',
      'WITH_SSL=bundled',
      'CONC_WITH_SSL=NONE',
      'WITH_ZLIB=bundled',
    ].map((one) => `-D${one}`),
    ...['WITH_PCRE=system', 'WITH_LIBFMT=system', 'WITH_EXTRA_CHARSETS=none', 'WITH_UNIT_TESTS=OFF'].map(
      (one) => `-D${one}`,
    ),
    ...['WITH_WSREP=OFF', 'WITH_SYSTEMD=no', 'WITH_JEMALLOC=no', 'WITH_NUMA=OFF'].map((one) => `-D${one}`),
    ...['WITH_EMBEDDED_SERVER=OFF', 'WITH_MARIABACKUP=OFF'].map((one) => `-D${one}`),
    variable('LIBFMT_INCLUDE_DIR', tools.includes),
    variable('BISON_EXECUTABLE', tools.bison),
    // No library of the machine: the folder above has them.
    variable('PKG_CONFIG_EXECUTABLE', '/bin/false'),
    variable('CURSES_LIBRARY', curses),
    variable('CURSES_NCURSES_LIBRARY', curses),
    variable('CURSES_INCLUDE_PATH', tools.includes),
    variable('CURSES_HAVE_CURSES_H', join(tools.includes, 'curses.h')),
    ...withoutPackages.split(' ').map((name) => variable(`CMAKE_DISABLE_FIND_PACKAGE_${name}`, '1')),
    ...withoutPlugins.split(' ').map((name) => variable(`PLUGIN_${name}`, 'NO')),
    ...(isa === 'aarch64' ? inlineAtomics.variables : []),
    ...crossVariables(tools),
  ];
}

/** One word more, where the host cannot run what it builds: our own machine runs what the build makes and wants to run. */
export function emulator({ cross }: BuildTools, root: string): string[] {
  if (cross === undefined) return [];
  const loader = guestProgram.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
  return [variable('CMAKE_CROSSCOMPILING_EMULATOR', [process.execPath, ...loader, guestProgram, root].join(';'))];
}
