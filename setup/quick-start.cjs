// How Node starts for a linker or a compiler driver, which lives for a fraction of a second. The scripts melf, melf-cc and melf-c++ are a shell's
// and Node's at once: the shell runs their second line, Node passes it over as a comment.
//
// The line keeps NODE_EXTRA_CA_CERTS from Node, which would read all those certificates at its start (a third of it, where the variable is set);
// they are handed on to whoever is started from here. V8's flag is no word of that line: a Node that does not know it would not start.

const { env } = process;

/**
 * Optimising a function takes V8 longer than most functions of such a run have left: it waits for nine times as much work in it (the default is
 * 67584, bytes of executed bytecode).
 */
const flag = '--interrupt-budget=600000';

/** The newest V8 (of Node 24) of which the flag is known: to any later one it may be an unknown word, which V8 complains of on stderr. */
const newestV8 = 13;

function tune() {
  if (Number.parseInt(process.versions.v8, 10) > newestV8) return;
  // Loaded only now: not every command wants it.
  require('node:v8').setFlagsFromString(flag);
}

/** What the shell's line changed for this process alone. */
function restoreEnvironment() {
  const { MELF_CA_CERTS: kept } = env;
  if (kept === undefined) return;
  delete env.MELF_CA_CERTS;
  if (kept === '') delete env.NODE_EXTRA_CA_CERTS;
  else env.NODE_EXTRA_CA_CERTS = kept;
}

module.exports = { restoreEnvironment, tune };
