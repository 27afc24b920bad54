import { ensureEngine } from '../../setup/engine.ts';
import { checkPrograms } from './view-programs.ts';

describe('random programs of view calls answer as the reference model does, at length', function () {
  this.timeout(1_800_000);
  before(() => ensureEngine());

  it('10,000 programs on x86-64', () => checkPrograms('x86-64', 10_000));
  it('10,000 programs where each view has its own tables', () =>
    checkPrograms('x86-64', 10_000, { views: 'mmview-5.15' }));
  it('10,000 programs on AArch64', () => checkPrograms('aarch64', 10_000));
  it('10,000 programs there where each view has its own tables', () =>
    checkPrograms('aarch64', 10_000, { views: 'mmview-5.15' }));
});
