// The machine's own apt sources, read so that a private list can be derived from them: sources.list(5), both the one-line
// format (.list) and deb822 stanzas (.sources).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One source as a deb822 stanza: its fields in order, as written. */
export interface AptSource {
  readonly types: readonly string[];
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** Every other field, as `Signed-By`, `Architectures`, `Trusted`; a value may have several lines. */
  readonly options: Readonly<Record<string, string>>;
}

/** The options of the one-line format and their deb822 fields (sources.list(5), "THE OPTIONS"). */
const oneLineOptions: Readonly<Record<string, string>> = {
  arch: 'Architectures',
  lang: 'Languages',
  target: 'Targets',
  'signed-by': 'Signed-By',
  trusted: 'Trusted',
  'check-valid-until': 'Check-Valid-Until',
  'valid-until-max': 'Valid-Until-Max',
  'check-date': 'Check-Date',
  'by-hash': 'By-Hash',
  pdiffs: 'PDiffs',
  'allow-insecure': 'Allow-Insecure',
  snapshot: 'Snapshot',
};

const words = (text: string | undefined): string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

/** Reads a `.list` file. Lines that are no sources (comments, `rpm`) give nothing. */
export function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/#.*/, '').trim();
    const match = /^(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line);
    if (match === null) continue;
    const [, type = '', optionText, uri = '', suite = '', components] = match;
    const options: Record<string, string> = {};
    for (const option of words(optionText)) {
      const [key = '', value = ''] = option.split(/[+-]?=(.*)/s);
      options[oneLineOptions[key] ?? key] = value.replaceAll(',', ' ');
    }
    sources.push({ types: [type], uris: [uri], suites: [suite], components: words(components), options });
  }
  return sources;
}

/** Reads a `.sources` file. Disabled stanzas (`Enabled: no`) give nothing. */
export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const paragraph of text.replace(/^#.*\n?/gm, '').split(/\n[ \t]*\n/)) {
    const fields: Record<string, string> = {};
    let key = '';
    for (const line of paragraph.split('\n')) {
      const field = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
      if (field !== null) {
        key = field[1]!.toLowerCase();
        fields[key] = field[2]!.trim();
      } else if (/^[ \t]/.test(line) && key !== '') {
        fields[key] += `\n${line}`;
      }
    }
    const { types, uris, suites, components, enabled = 'yes', ...rest } = fields;
    if (types === undefined || uris === undefined || /^(no|false|without|off|disable|0)$/i.test(enabled)) continue;
    const options = Object.fromEntries(Object.entries(rest).map(([name, value]) => [fieldName(name), value]));
    sources.push({
      types: words(types),
      uris: words(uris),
      suites: words(suites),
      components: words(components),
      options,
    });
  }
  return sources;
}

const fieldName = (lower: string): string =>
  lower.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());

/** Writes stanzas that apt reads. */
export function formatDeb822(sources: readonly AptSource[]): string {
  const stanza = (source: AptSource): string =>
    [
      `Types: ${source.types.join(' ')}`,
      `URIs: ${source.uris.join(' ')}`,
      `Suites: ${source.suites.join(' ')}`,
      ...(source.components.length > 0 ? [`Components: ${source.components.join(' ')}`] : []),
      ...Object.entries(source.options).map(([name, value]) => `${name}: ${value}`),
    ].join('\n');
  return `${sources.map(stanza).join('\n\n')}\n`;
}

const releaseFile = '/etc/os-release';

/** Fields of os-release(5); empty where there is none. */
export function osRelease(
  text: string = existsSync(releaseFile) ? readFileSync(releaseFile, 'utf8') : '',
): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^([A-Z_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line);
    if (match !== null) fields[match[1]!] = match[2] ?? match[3] ?? match[4] ?? '';
  }
  return fields;
}

/** The machine's configured sources, from /etc/apt (or another folder, for tests). */
export function readAptSources(folder: string = '/etc/apt'): AptSource[] {
  const parts = join(folder, 'sources.list.d');
  const files = [
    join(folder, 'sources.list'),
    ...(existsSync(parts)
      ? readdirSync(parts)
          .sort()
          .map((name) => join(parts, name))
      : []),
  ];
  return files.flatMap((file) => {
    if (!existsSync(file)) return [];
    if (file.endsWith('.sources')) return parseDeb822(readFileSync(file, 'utf8'));
    return file.endsWith('.list') ? parseOneLine(readFileSync(file, 'utf8')) : [];
  });
}

const distributionAliases: readonly string[] = ['stable', 'oldstable', 'testing', 'unstable', 'sid'];

/** Whether a suite is of the release, as `bookworm`, `bookworm-updates` and `bookworm/updates` are of bookworm (and `bookworm-vendor` is not). */
function isOfRelease(suite: string, names: readonly string[]): boolean {
  const [, base = ''] = /^([^-/]+)(?:[-/](?:updates|security|backports|proposed-updates))?$/.exec(suite) ?? [];
  return names.includes(base);
}

const hasOwnAddress = ({ uris }: AptSource): boolean =>
  uris.some((uri) => /(^|[/.+-])(debian|ubuntu|raspbian)([/.-]|$)/i.test(uri));

const hasOwnKey = ({ options }: AptSource): boolean =>
  /(debian|ubuntu|raspbian)-archive-keyring/.test(options['Signed-By'] ?? '');

const hasKeyFile = ({ options }: AptSource): boolean => /^\//.test(options['Signed-By'] ?? '');

/** Vendors use the release's name for their own archives, too: the distribution's are known by key and address; the first rule that any fits decides. */
const signs: readonly ((source: AptSource) => boolean)[] = [
  (source) => hasOwnKey(source) || (hasOwnAddress(source) && !hasKeyFile(source)),
  hasOwnAddress,
  () => true,
];

function ofRelease(sources: readonly AptSource[], names: readonly string[]): AptSource[] {
  const candidates = sources
    .filter((source) => source.types.includes('deb') && source.components.includes('main'))
    .map((source) => ({
      ...source,
      types: ['deb'],
      suites: source.suites.filter((suite) => isOfRelease(suite, names)),
    }))
    .filter((source) => source.suites.length > 0);
  const sign = signs.find((one) => candidates.some(one));
  return sign === undefined ? [] : candidates.filter(sign);
}

/**
 * The machine's sources of its own distribution: those whose suites belong to `codename` (os-release), or where none does, to a moving name
 * as testing; binary ones only, no duplicates.
 */
export function distributionSources(sources: readonly AptSource[], codename: string): AptSource[] {
  const named = ofRelease(sources, [codename]);
  const own = named.length > 0 ? named : ofRelease(sources, distributionAliases);
  const seen = new Set<string>();
  return own.filter((source) => {
    const key = `${source.uris.join(' ')} ${source.suites.join(' ')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The same mirror with another suite: from the source that holds the distribution's main suite, not its updates or security. */
export function sourcesOfSuite(own: readonly AptSource[], suite: string): AptSource[] {
  const main = own.find((source) => source.suites.some((name) => !/[-/]/.test(name)));
  return main === undefined ? [] : [{ ...main, suites: [suite], components: ['main'] }];
}

/** The sources as they offer source packages, or binaries of one architecture. */
export function narrowed(sources: readonly AptSource[], want: 'source' | string): AptSource[] {
  return sources.map((source) => {
    const { Architectures: _ours, ...options } = source.options;
    return want === 'source'
      ? { ...source, types: ['deb-src'], options }
      : { ...source, types: ['deb'], options: { ...options, Architectures: want } };
  });
}
