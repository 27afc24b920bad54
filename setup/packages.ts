// Debian packages without root and without a trace on the system: apt-get with its own sources list, lists and cache below
// .cache/apt/. The sources are the machine's own ones (its mirror, its keys, its proxy), so the signatures are checked as ever.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CommandError, findProgram, run, tail } from '../base/command.ts';
import { aptConfiguration } from './apt-configuration.ts';
import {
  type AptSource,
  distributionSources,
  formatDeb822,
  narrowed,
  osRelease,
  readAptSources,
  sourcesOfSuite,
} from './apt-sources.ts';
import { cache } from './cache.ts';
import { SetupError } from './errors.ts';

/** Which index: the machine's own release, or another suite of the same mirror. */
export type Suite = 'own' | 'testing' | 'sid';
/** Binaries of an architecture in dpkg's words, or source packages. */
export type PackageKind = 'amd64' | 'arm64' | 'source';

export interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
  readonly file: string;
}

export interface SourcePackageFiles {
  readonly name: string;
  readonly version: string;
  /** The `.dsc`; the files that it lists are beside it. */
  readonly dsc: string;
}

/** Debian's name of this machine's architecture. */
export function hostArchitecture(): 'amd64' | 'arm64' {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new SetupError(
    'setup.architecture',
    `No packages are known for this machine's architecture (${process.arch})`,
    {
      hint: 'The sandbox runs on x86-64 and AArch64 machines.',
    },
  );
}

/** Whether this machine can fetch Debian packages at all. */
export function aptExists(): boolean {
  return findProgram('apt-get') !== undefined && findProgram('dpkg-deb') !== undefined;
}

export function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

const noAptHint =
  'On a machine without apt, install Unicorn >= 2.1.4 (seen by pkg-config) and musl (musl-gcc) with its own package manager.';

/** One private apt state: a suite of the machine's mirror, for one architecture or for sources. */
export class AptState {
  readonly suite: Suite;
  readonly kind: PackageKind;
  #updated = false;

  constructor(suite: Suite, kind: PackageKind) {
    this.suite = suite;
    this.kind = kind;
  }

  get #folder(): string {
    return cache.stateFolder('apt', `${this.suite}-${this.kind}`);
  }

  #environment(): Record<string, string> {
    return { APT_CONFIG: join(this.#folder, 'bootstrap.conf'), DEBIAN_FRONTEND: 'noninteractive' };
  }

  /** The private list: of the machine's own distribution sources, the suite and kind asked for. */
  sources(): AptSource[] {
    const release = osRelease();
    const own = distributionSources(readAptSources(), release.VERSION_CODENAME ?? '');
    if (own.length === 0) {
      throw new SetupError(
        'setup.no-sources',
        `No apt source of this machine's release (${release.PRETTY_NAME ?? 'unknown'}) is configured`,
        {
          facts: { folder: '/etc/apt', codename: release.VERSION_CODENAME },
          hint: "Add the distribution's own mirror to /etc/apt/sources.list.d, as a fresh installation has it.",
        },
      );
    }
    const suite = this.suite === 'own' ? own : release.ID === 'debian' ? sourcesOfSuite(own, this.suite) : [];
    if (suite.length === 0) {
      throw new SetupError(
        'setup.no-suite',
        `This machine's distribution (${release.PRETTY_NAME ?? 'unknown'}) has no suite ${this.suite}`,
        {
          hint: 'Install Unicorn >= 2.1.4 so that pkg-config finds it.',
        },
      );
    }
    return narrowed(suite, this.kind);
  }

  async #apt(program: string, ...args: string[]): Promise<string> {
    return run([program, ...args], { cwd: join(this.#folder, 'cache'), env: this.#environment() });
  }

  /** Fetches the index, once per process. */
  async update(): Promise<void> {
    if (!this.#updated) await this.#locked(() => this.#fetchIndex());
    this.#updated = true;
  }

  async #fetchIndex(): Promise<void> {
    if (!aptExists())
      throw new SetupError('setup.no-apt', 'apt-get and dpkg-deb are not on this machine', { hint: noAptHint });
    const folder = this.#folder;
    for (const part of ['state/lists/partial', 'cache/archives/partial'])
      mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, 'state/status'), '');
    const architecture = this.kind === 'source' ? hostArchitecture() : this.kind;
    writeFileSync(join(folder, 'apt.conf'), aptConfiguration(folder, architecture));
    writeFileSync(
      join(folder, 'bootstrap.conf'),
      `Dir::Etc::Parts "/dev/null";\nDir::Etc::Main "${folder}/apt.conf";\n`,
    );
    writeFileSync(join(folder, 'private.sources'), formatDeb822(this.sources()));
    try {
      await this.#apt('apt-get', 'update', '-q');
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new SetupError('setup.no-index', `The package index of ${this.suite} (${this.kind}) cannot be fetched`, {
        facts: {
          sources: this.sources()
            .flatMap((source) => source.uris)
            .join(' '),
          output: tail(error.output, 6),
        },
        hint: 'Check the network and that `apt-get update` works on this machine, then start the same command again.',
        cause: error,
      });
    }
  }

  /** The versions on offer, newest first as apt ranks them; empty for an unknown package. */
  async versions(name: string): Promise<string[]> {
    await this.update();
    const table = await this.#apt('apt-cache', 'madison', name);
    return parseMadison(table, name, this.kind === 'source');
  }

  /**
   * Downloads one binary package into the state's own archive. Tries the offered versions in turn (a mirror's index may be newer
   * than its pool), those that `accept` refuses left out.
   */
  async download(name: string, accept: (version: string) => boolean = () => true): Promise<PackageFile> {
    const version = await this.#firstAvailable(name, accept, (wanted) =>
      this.#apt('apt-get', 'download', '-q', `${name}=${wanted}`),
    );
    const file = this.#archives().find((path) => basename(path).startsWith(`${name}_${fileVersion(version)}_`));
    if (file === undefined)
      throw new SetupError('setup.download', `apt-get download ${name} left no file`, { facts: { version } });
    return { name, version, sha256: sha256Of(file), file };
  }

  /** Downloads a source package: its `.dsc` and the archives it names. */
  async downloadSource(name: string, accept: (version: string) => boolean = () => true): Promise<SourcePackageFiles> {
    const version = await this.#firstAvailable(name, accept, (wanted) =>
      this.#apt('apt-get', 'source', '-q', '--download-only', '--only-source', `${name}=${wanted}`),
    );
    const dsc = this.#archives().find((path) => basename(path) === `${name}_${version.replace(/^\d+:/, '')}.dsc`);
    if (dsc === undefined)
      throw new SetupError('setup.download', `apt-get source ${name} left no .dsc`, { facts: { version } });
    return { name, version, dsc };
  }

  #archives(): string[] {
    const folder = join(this.#folder, 'cache');
    return readdirSync(folder).map((name) => join(folder, name));
  }

  async #firstAvailable(
    name: string,
    accept: (version: string) => boolean,
    fetch: (version: string) => Promise<unknown>,
  ): Promise<string> {
    const offered = await this.versions(name);
    const accepted = offered.filter(accept);
    if (accepted.length === 0) {
      throw new SetupError(
        'setup.no-package',
        `${this.kind === 'source' ? 'Source package' : 'Package'} ${name} is not offered by ${this.suite}`,
        {
          facts: { offered: offered.join(' ') || 'nothing' },
          hint: "Check that the machine's apt sources include the component main.",
        },
      );
    }
    let last: unknown;
    for (const version of accepted) {
      try {
        await this.#locked(() => fetch(version));
        return version;
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        last = error;
      }
    }
    throw new SetupError('setup.download', `No offered version of ${name} can be downloaded`, {
      facts: { tried: accepted.join(' '), output: last instanceof CommandError ? tail(last.output, 4) : undefined },
      hint: 'Check the network, then start the same command again: what was fetched is kept.',
      cause: last,
    });
  }

  #locked<T>(work: () => Promise<T>): Promise<T> {
    return cache.locked(`apt-${this.suite}-${this.kind}`, work, {
      what: `fetching packages (${this.suite}, ${this.kind})`,
    });
  }
}

/** `apt-get download` writes `:` of an epoch as `%3a`. */
const fileVersion = (version: string): string => version.replaceAll(':', '%3a');

/** Versions in the output of `apt-cache madison`: `name | version | source line`, sources marked at the line's end. */
export function parseMadison(table: string, name: string, source: boolean): string[] {
  const versions = new Set<string>();
  for (const row of table.split('\n')) {
    const [found, version, where = ''] = row.split('|').map((cell) => cell.trim());
    if (found === name && version !== undefined && where.endsWith(' Sources') === source) versions.add(version);
  }
  return [...versions];
}

/** A name for a cache entry made from a package: readable, and different when the package is. */
export function entryName({ name, version, sha256 }: PackageFile): string {
  return `${name}-${version.replaceAll(':', '_')}-${sha256.slice(0, 16)}`;
}

/** A field of a `.deb`'s control file, as `Depends`. */
export async function packageField(file: string, field: string): Promise<string> {
  return (await run(['dpkg-deb', '-f', file, field])).trim();
}

/** Unpacks packages into `folder`, as they would lie below `/`. */
export async function unpackPackages(packages: readonly PackageFile[], folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { file } of packages) await run(['dpkg-deb', '-x', file, folder]);
}

const states = new Map<string, AptState>();

/** The one state per suite and kind in this process. */
export function aptState(suite: Suite, kind: PackageKind): AptState {
  const key = `${suite}-${kind}`;
  const state = states.get(key) ?? new AptState(suite, kind);
  states.set(key, state);
  return state;
}
