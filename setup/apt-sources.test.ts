import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  type AptSource,
  distributionSources,
  formatDeb822,
  narrowed,
  parseDeb822,
  parseOneLine,
  sourcesOfSuite,
} from './apt-sources.ts';

const deb822 = `Types: deb
# a comment between fields
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJ
 -----END PGP PUBLIC KEY BLOCK-----

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
`;

describe("the machine's apt sources", () => {
  it('are read from deb822 stanzas, keys that are written inside included', () => {
    const [main, security, ...more] = parseDeb822(deb822);
    assert.deepEqual(more, []);
    assert.deepEqual(main, {
      types: ['deb'],
      uris: ['http://mirror.example/debian'],
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main', 'contrib'],
      options: { 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' },
    });
    assert.match(security?.options['Signed-By'] ?? '', /^\n -----BEGIN.*\n \.\n mDMEY865UxYJ\n -----END/s);
  });

  it('are read from one-line files with their options', () => {
    const text = [
      '# deb http://commented.example/debian bookworm main',
      'deb [arch=amd64,arm64 signed-by=/k.gpg] http://mirror.example/debian bookworm main non-free # tail',
      'deb-src http://mirror.example/debian bookworm main',
      'rpm http://other.example x y',
    ].join('\n');
    assert.deepEqual(parseOneLine(text), [
      {
        types: ['deb'],
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'non-free'],
        options: { Architectures: 'amd64 arm64', 'Signed-By': '/k.gpg' },
      },
      {
        types: ['deb-src'],
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main'],
        options: {},
      },
    ]);
  });

  it('are cut down to the distribution: no third party, no source lines, nothing twice', () => {
    const others = 'deb http://vendor.example/apt stable-x main\ndeb http://vendor.example/node nodistro main\n';
    const own = distributionSources(
      [...parseDeb822(deb822), ...parseOneLine(others), ...parseDeb822(deb822)],
      'bookworm',
    );
    assert.deepEqual(
      own.map(({ suites }) => suites),
      [['bookworm', 'bookworm-updates'], ['bookworm-security']],
    );
    assert.ok(own.every(({ types }) => types.join() === 'deb'));
  });

  it("are told from vendors that use the release's name, by key or by address", () => {
    const vendors = 'deb [signed-by=/k.gpg] http://vendor.example/debian bookworm main\n';
    const keyed = distributionSources([...parseOneLine(vendors), ...parseDeb822(deb822)], 'bookworm');
    assert.deepEqual(
      keyed.flatMap(({ uris }) => uris),
      ['http://mirror.example/debian', 'http://mirror.example/debian-security'],
    );
    const plain = 'deb http://apt.vendor.example bookworm main\ndeb http://deb.debian.org/debian bookworm main\n';
    assert.deepEqual(
      distributionSources(parseOneLine(plain), 'bookworm').map(({ uris }) => uris),
      [['http://deb.debian.org/debian']],
    );
    const other = 'deb http://mirror.example/os bookworm main\n';
    assert.equal(distributionSources(parseOneLine(other), 'bookworm').length, 1);
  });

  it("may have a moving name where none has the release's", () => {
    const text = 'deb http://deb.debian.org/debian sid main\ndeb http://dl.example/chrome stable main\n';
    assert.deepEqual(
      distributionSources(parseOneLine(text), 'forky').map(({ suites }) => suites),
      [['sid']],
    );
  });

  it('give another suite on the main mirror, with the same key', () => {
    const own = distributionSources(parseDeb822(deb822).reverse(), 'bookworm');
    assert.deepEqual(sourcesOfSuite(own, 'testing'), [
      {
        types: ['deb'],
        uris: ['http://mirror.example/debian'],
        suites: ['testing'],
        components: ['main'],
        options: { 'Signed-By': '/usr/share/keyrings/debian-archive-keyring.gpg' },
      },
    ]);
    assert.deepEqual(sourcesOfSuite([], 'testing'), []);
  });

  it('are narrowed to one architecture or to sources, whatever the machine restricts itself to', () => {
    const source: AptSource = {
      types: ['deb'],
      uris: ['http://m/d'],
      suites: ['s'],
      components: ['main'],
      options: { Architectures: 'i386', 'Signed-By': '/k' },
    };
    assert.deepEqual(narrowed([source], 'arm64')[0]?.options, { 'Signed-By': '/k', Architectures: 'arm64' });
    assert.deepEqual(narrowed([source], 'source')[0], {
      ...source,
      types: ['deb-src'],
      options: { 'Signed-By': '/k' },
    });
  });

  it('survive writing and reading', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9./-]{0,8}$/);
    const list = fc.array(word, { minLength: 1, maxLength: 3 });
    const options = fc.dictionary(fc.constantFrom('Signed-By', 'Architectures', 'Check-Date'), word);
    const source = fc.record(
      { types: list, uris: list, suites: list, components: list, options },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(source, { minLength: 1, maxLength: 4 }), (sources) => {
        assert.deepEqual(
          parseDeb822(formatDeb822(sources)).map((one) => ({ ...one, options: { ...one.options } })),
          sources.map((one) => ({ ...one, options: { ...one.options } })),
        );
      }),
    );
  });
});
