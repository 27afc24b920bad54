import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram } from '../base/command.ts';
import { addonTools, compileTools, ensureHostTools, installCommand, unpackTools } from './host-tools.ts';

describe('the host tools', () => {
  const path = process.env.PATH;
  const getuid = process.getuid;
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'melf-tools-'));
  });
  afterEach(() => {
    process.env.PATH = path;
    process.getuid = getuid;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A PATH that has nothing but these programs. */
  function onlyPrograms(...programs: string[]): void {
    const bin = join(folder, programs.join('-') || 'none');
    mkdirSync(bin);
    for (const program of programs) symlinkSync('/bin/true', join(bin, program));
    process.env.PATH = bin;
  }

  it('are named by one command with everything that is missing, not only what was asked for first', async () => {
    onlyPrograms('gcc', 'ar', 'tar', 'xz', 'apt-get', 'dpkg-deb');
    process.getuid = () => 1000;
    await assert.rejects(ensureHostTools(addonTools), {
      code: 'setup.missing-tools',
      message: 'This machine lacks make, g++, patch',
      hint: "Run: sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends g++ make patch'",
    });
  });

  it('are asked of the user where there is no apt, also of root', async () => {
    onlyPrograms('gcc', 'ar', 'make', 'tar', 'xz', 'patch');
    process.getuid = () => 0;
    await assert.rejects(ensureHostTools(addonTools), {
      message: 'This machine lacks g++',
      hint: /^Install g\+\+ with this machine's package manager/,
    });
  });

  it('are refused when root installed them and they are still not there', async () => {
    onlyPrograms('apt-get', 'dpkg-deb');
    process.getuid = () => 0;
    await assert.rejects(ensureHostTools(compileTools), { message: /^The packages were installed, but gcc, ar, make/ });
  });

  it("are nobody's concern when they are there", async () => {
    onlyPrograms('tar', 'xz', 'patch');
    await ensureHostTools(unpackTools);
    assert.equal(findProgram('gcc'), undefined);
  });

  it('come from packages named once each', () => {
    assert.equal(
      installCommand([...compileTools, ...compileTools]),
      'apt-get install -y --no-install-recommends binutils gcc make',
    );
  });
});
