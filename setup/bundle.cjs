// Starts a part of the project as one file of JavaScript. Node needs 60 ms to start; finding, translating and compiling some fifty
// TypeScript files would be several times that, for a compiler driver that a build calls a thousand times and for a linker that competes
// with ones written in C. A bundle is made once by esbuild (tsx brings it), kept below .cache/bundles/ with the code that V8 made of it, and
// made again when one of its sources changed. CommonJS, because Node's loader of ES modules takes another 15 ms to start.

const { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { dirname, join, relative } = require('node:path');
const { Script } = require('node:vm');

const root = dirname(__dirname);
const store = join(root, '.cache', 'bundles');
const SCHEME = 'bundle:';
/** Bundles of their own, since two bundles that test for one class must have the same class. */
const SHARED = new Set(['base/errors.ts', 'base/arguments.ts']);
/** Modules of Node that take milliseconds to load and are not needed in every run: loaded when one of their functions is. */
const LATE = new Set(['node:child_process', 'node:crypto', 'node:zlib']);

/** Entry to its script, its exports and its name. */
const loaded = new Map();
/** Entry to its manifest, once that was found to be up to date: fifty files are not looked at twice. */
const current = new Map();

/** Numbers, which take less time to compare than to write out. */
const stampOf = (file) => {
  const { mtimeMs, size } = statSync(`${root}/${file}`);
  return [mtimeMs, size];
};

function isUnchanged(file, [time, length]) {
  const { mtimeMs, size } = statSync(`${root}/${file}`);
  return mtimeMs === time && size === length;
}

const manifestOf = (entry) => join(store, `${entry.replace(/\.ts$/, '').replaceAll('/', '-')}.json`);

function readManifest(entry) {
  try {
    return JSON.parse(readFileSync(manifestOf(entry), 'utf8'));
  } catch {
    // Absent, or of another layout: it is made again.
    return undefined;
  }
}

const self = relative(root, __filename);

const isCurrent = ({ sources }) => {
  try {
    if (!(self in sources)) return false;
    for (const file in sources) if (!isUnchanged(file, sources[file])) return false;
    return true;
  } catch {
    // A source is gone, or the manifest is of another layout.
    return false;
  }
};

/** What is known of a bundle that needs not be made; `known` may be out of date. */
function findManifest(entry) {
  const known = readManifest(entry);
  if (known === undefined || !isCurrent(known)) return { known };
  current.set(entry, known);
  return { known, manifest: known };
}

/** Another process may be writing the same: each writes a draft of its own, and the last rename stays. */
function publish(path, contents) {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}

const plugin = (stamps) => ({
  name: 'bundle',
  setup(build) {
    build.onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      const file = relative(root, join(resolveDir, path));
      return kind === 'import-statement' && SHARED.has(file) ? { path: `${SCHEME}${file}`, external: true } : undefined;
    });
    build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      // From before the file is read: one that changes meanwhile makes the bundle out of date, never wrong.
      stamps[relative(root, path)] = stampOf(relative(root, path));
      const contents = readFileSync(path, 'utf8')
        .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
        .replaceAll('import.meta.filename', JSON.stringify(path))
        // What is imported when it is needed is a bundle of its own.
        .replace(
          /\bimport\('(\.[^']+\.ts)'\)/g,
          (_, file) => `loadBundle(${JSON.stringify(relative(root, join(dirname(path), file)))})`,
        );
      return { contents, loader: 'ts' };
    });
  },
});

async function make(entry, before) {
  const { createRequire } = require('node:module');
  const { build } = createRequire(require.resolve('tsx/package.json'))('esbuild');
  // What is made depends on this file, too.
  const sources = { [self]: stampOf(self) };
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
    // Fields are set where the constructor stands, which takes V8 a fraction of the time that defining them in a function of their own does.
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    plugins: [plugin(sources)],
  });
  const { imports } = Object.values(metafile.outputs)[0];
  const shared = imports.flatMap(({ path }) => (path.startsWith(SCHEME) ? [path.slice(SCHEME.length)] : []));
  const code = outputFiles[0].contents;
  const hash = require('node:crypto').createHash('sha256').update(code).digest('hex').slice(0, 16);
  const name = `${manifestOf(entry).replace(/\.json$/, '')}-${hash}`;
  mkdirSync(store, { recursive: true });
  publish(`${name}.js`, code);
  const manifest = { name, shared: [...new Set(shared)], sources };
  publish(manifestOf(entry), JSON.stringify(manifest));
  // A process between reading the old manifest and its file will find it gone and make the bundle, too.
  if (before !== undefined && before.name !== name) {
    for (const ending of ['.js', '.code']) rmSync(`${before.name}${ending}`, { force: true });
  }
  return manifest;
}

function readIfThere(path, encoding) {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whether `loadBundle(entry)` needs nothing but what was made before. */
function isMade(entry) {
  return findManifest(entry).manifest !== undefined;
}

/** A module of Node that is loaded when one of its functions is asked for; a copy of all of them (`import *`, `import x`) would be empty. */
const late = (id) =>
  new Proxy(
    {},
    {
      get: (_, name) => require(id)[name],
      ownKeys() {
        throw new Error(`a bundle imports all of ${id}: import its functions by their names`);
      },
    },
  );

/** The exports of a TypeScript file, `entry`, named from the project's folder. */
async function loadBundle(entry) {
  if (loaded.has(entry)) return loaded.get(entry).exports;
  let manifest = current.get(entry);
  if (manifest === undefined) {
    const found = findManifest(entry);
    manifest = found.manifest ?? (await make(entry, found.known));
  }
  let code = readIfThere(`${manifest.name}.js`, 'utf8');
  if (code === undefined) {
    manifest = await make(entry, undefined);
    code = readFileSync(`${manifest.name}.js`, 'utf8');
  }
  for (const file of manifest.shared) await loadBundle(file);
  const filename = `${manifest.name}.js`;
  const cachedData = readIfThere(`${manifest.name}.code`);
  const script = new Script(`(function (module, exports, require, loadBundle) {${code}\n})`, { filename, cachedData });
  const module = { exports: {} };
  const requireHere = (id) => {
    if (id.startsWith(SCHEME)) return loaded.get(id.slice(SCHEME.length)).exports;
    return LATE.has(id) ? late(id) : require(id);
  };
  loaded.set(entry, {
    exports: module.exports,
    script,
    name: manifest.name,
    kept: cachedData !== undefined && script.cachedDataRejected !== true,
  });
  script.runInThisContext()(module, module.exports, requireHere, loadBundle);
  loaded.get(entry).exports = module.exports;
  return module.exports;
}

/** Keeps what V8 compiled of the loaded bundles for the next start. To be called when the work is done, so that it holds the functions that such work needs. */
function keepCode() {
  for (const one of loaded.values()) {
    if (one.kept) continue;
    publish(`${one.name}.code`, one.script.createCachedData());
    one.kept = true;
  }
}

module.exports = { isMade, loadBundle, keepCode };
