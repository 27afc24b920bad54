// The start of melf-cc and melf-c++. A configure script runs hundreds of compiles, so this must be quick: the TypeScript that the driver
// needs is turned into JavaScript once, kept below .cache/cc/, and made again when one of its sources changed.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const entry = 'linker/cc/driver.ts';
const store = join(root, '.cache', 'cc');
const manifestFile = join(store, 'driver.json');

const stampOf = (file) => {
  const { mtimeMs, size } = statSync(join(root, file));
  return `${mtimeMs} ${size}`;
};

/** The folder with the JavaScript, or undefined when there is none or a source changed. */
function known() {
  try {
    const { folder, sources } = JSON.parse(readFileSync(manifestFile, 'utf8'));
    for (const [file, stamp] of Object.entries(sources)) if (stampOf(file) !== stamp) return undefined;
    return existsSync(folder) ? folder : undefined;
  } catch {
    // Absent or of another layout: it is made again.
    return undefined;
  }
}

/** Transpiles the driver and all that it imports, each file for itself. */
function make() {
  const ts = createRequire(import.meta.url)('typescript');
  mkdirSync(store, { recursive: true });
  const folder = mkdtempSync(join(store, 'driver-'));
  const sources = {};
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (sources[file] !== undefined) continue;
    sources[file] = stampOf(file);
    const text = readFileSync(join(root, file), 'utf8');
    const made = file.endsWith('.ts') ? ts.transpileModule(text, { compilerOptions, fileName: file }).outputText : text;
    const target = join(folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, made);
    for (const [, imported] of made.matchAll(/(?:from|import\(?)\s*['"](\.[^'"]+)['"]/g)) {
      if (isBuiltin(imported)) continue;
      const path = relative(root, join(root, dirname(file), imported));
      waiting.push(existsSync(join(root, path)) ? path : path.replace(/\.js$/, '.ts'));
    }
  }
  const draft = `${manifestFile}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ folder, sources }));
  renameSync(draft, manifestFile);
  return folder;
}

/** Removes what was made from older sources; a process that is just starting from it makes it again by itself. */
function removeOlder(folder, before) {
  if (before !== undefined && before !== folder) rmSync(before, { recursive: true, force: true });
}

/** Runs the driver as `c` or `c++` compiler and ends the process as it ends. */
export async function start(language) {
  // An installed package holds finished JavaScript.
  const built = join(dirname(fileURLToPath(import.meta.url)), 'driver.js');
  let file = built;
  if (!existsSync(built)) {
    const before = (() => {
      try {
        return JSON.parse(readFileSync(manifestFile, 'utf8')).folder;
      } catch {
        return undefined;
      }
    })();
    let folder = known();
    if (folder === undefined) {
      folder = make();
      removeOlder(folder, before);
    }
    file = join(folder, entry.replace(/\.ts$/, '.js'));
  }
  const { main } = await import(pathToFileURL(file).href);
  process.exitCode = await main(language, process.argv.slice(2));
}
