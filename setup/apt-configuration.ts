import { existsSync } from 'node:fs';

/**
 * apt's configuration: the machine's own (proxies, certificates, timeouts stay as they are), then what makes it private. Our file stands in
 * for the main file and includes the machine's, because hooks of the machine (they clean its own cache as root) can only be
 * cleared by something read after them.
 */
export function aptConfiguration(folder: string, architecture: string): string {
  const noIndex = [
    'deb::DEP-11',
    'deb::DEP-11-icons',
    'deb::DEP-11-icons-small',
    'deb::DEP-11-icons-large',
    'deb::DEP-11-icons-hidpi',
    'deb::DEP-11-icons-large-hidpi',
    'deb::Contents-deb',
    'deb::Contents-deb-legacy',
    'deb::Contents-udeb',
    'deb-src::Contents-dsc',
    'deb::CNF',
  ];
  return [
    ...(existsSync('/etc/apt/apt.conf.d') ? ['#include "/etc/apt/apt.conf.d/";'] : []),
    ...(existsSync('/etc/apt/apt.conf') ? ['#include "/etc/apt/apt.conf";'] : []),
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear DPkg::Pre-Invoke;',
    '#clear DPkg::Post-Invoke;',
    '#clear DPkg::Pre-Install-Pkgs;',
    '#clear APT::Architectures;',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    'APT::Default-Release "";',
    'APT::Sandbox::User "root";',
    'APT::Update::Error-Mode "any";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    ...noIndex.map((target) => `Acquire::IndexTargets::${target}::DefaultEnabled "false";`),
    `Dir::Etc::SourceList "${folder}/private.sources";`,
    'Dir::Etc::SourceParts "/dev/null";',
    'Dir::Etc::Preferences "/dev/null";',
    'Dir::Etc::PreferencesParts "/dev/null";',
    `Dir::State "${folder}/state";`,
    `Dir::State::Lists "${folder}/state/lists";`,
    `Dir::State::Status "${folder}/state/status";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Cache::Archives "${folder}/cache/archives";`,
    'Dir::Cache::pkgcache "pkgcache.bin";',
    'Dir::Cache::srcpkgcache "srcpkgcache.bin";',
    '',
  ].join('\n');
}
