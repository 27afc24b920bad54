// Flags of GNU ld that have no effect on a static executable of this linker, each with the reason.

const STATIC = 'the executable is static';
export const SPEED = 'it only concerns speed or size of the linker itself';
const ORDER = 'archives answer whatever their order';
const ERRATUM = 'errata of the first Cortex-A53 are not worked around';

/** Flags without an effect, and without a value that could be the next word. */
export const IGNORED: Readonly<Record<string, string>> = {
  '-static': STATIC,
  '-Bstatic': STATIC,
  '-Bdynamic': STATIC,
  '-dn': STATIC,
  '-non_shared': STATIC,
  '-call_shared': STATIC,
  '-dy': STATIC,
  '--no-dynamic-linker': STATIC,
  '--export-dynamic': STATIC,
  '-export-dynamic': STATIC,
  '-E': STATIC,
  '-EL': 'programs are little-endian',
  '--no-export-dynamic': STATIC,
  '--as-needed': STATIC,
  '--no-as-needed': STATIC,
  '--copy-dt-needed-entries': STATIC,
  '--no-copy-dt-needed-entries': STATIC,
  '--add-needed': STATIC,
  '--no-add-needed': STATIC,
  '--enable-new-dtags': STATIC,
  '--disable-new-dtags': STATIC,
  '--no-allow-shlib-undefined': STATIC,
  '--allow-shlib-undefined': STATIC,
  '-Bsymbolic': STATIC,
  '-Bsymbolic-functions': STATIC,
  '--start-group': ORDER,
  '--end-group': ORDER,
  '-(': ORDER,
  '-)': ORDER,
  '--eh-frame-hdr': 'the table is always made',
  '--no-undefined': 'undefined symbols are always errors',
  '--no-add-lang': SPEED,
  '--no-keep-memory': SPEED,
  '--reduce-memory-overheads': SPEED,
  '--threads': SPEED,
  '--no-threads': SPEED,
  '--relax': 'relaxation is always done',
  '--no-relax': 'relaxation is always done',
  '-nostdlib': 'folders are those of the command line',
  '--warn-common': 'there is no such warning',
  '--no-warn-rwx-segments': 'there are no such segments',
  '--warn-unresolved-symbols': 'undefined symbols are errors',
  '--no-warn-mismatch': 'objects of another kind are errors',
  '--no-warnings': 'what the linker warns of may be wrong results',
  '-g': 'ld ignores it, too',
  '-X': 'local labels are never kept',
  '--discard-locals': 'local labels are never kept',
  '-d': 'common symbols always get their place',
  '-dc': 'common symbols always get their place',
  '-dp': 'common symbols always get their place',
  '-n': 'segments are page aligned, so that views can share them',
  '--no-print-gc-sections': 'nothing is printed',
  // Its value is optional, and so stands behind `=` alone.
  '--sort-common': 'sections keep their order',
  '--no-define-common': 'common symbols always get their place',
  '--fix-cortex-a53-835769': ERRATUM,
  '--fix-cortex-a53-843419': ERRATUM,
};
/** Flags with a value (after `=` or as the next word) and without an effect. */
export const IGNORED_VALUES: Readonly<Record<string, string>> = {
  '-plugin': 'objects of link-time optimisation are refused',
  '-plugin-opt': 'objects of link-time optimisation are refused',
  '--hash-style': STATIC,
  '-dynamic-linker': STATIC,
  '--dynamic-linker': STATIC,
  '-I': STATIC,
  '-rpath': STATIC,
  '--rpath': STATIC,
  '-rpath-link': STATIC,
  '--rpath-link': STATIC,
  '-R': STATIC,
  '--version-script': STATIC,
  '--dynamic-list': STATIC,
  '-f': STATIC,
  '-F': STATIC,
  '-h': STATIC,
  '-soname': STATIC,
  '--soname': STATIC,
  '--exclude-libs': STATIC,
  '--sort-section': 'sections keep their order',
  '--compress-debug-sections': 'debug information is written as it is',
  '--thread-count': SPEED,
  '--unresolved-symbols': 'undefined symbols are errors',
};
/** Those of them whose value is a file that ld reads. */
export const READ_BY_LD: ReadonlySet<string> = new Set(['--version-script', '--dynamic-list']);
/** Values of `-z` that change nothing here. */
export const IGNORED_Z =
  /^(now|lazy|relro|defs|text|notext|textoff|combreloc|nocombreloc|noseparate-code|separate-code|origin|nodelete|nodlopen|initfirst|interpose|noextern-protected-data|norelro|max-page-size=.*|common-page-size=.*|start-stop-gc|nostart-stop-gc|(no)?pack-relative-relocs|nognustack|ibt|shstk|ibtplt|force-bti|pac-plt|undefs|dynamic-undefined-weak|nodynamic-undefined-weak|start-stop-visibility=.*|keep-text-section-prefix|nokeep-text-section-prefix)$/;
