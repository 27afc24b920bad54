import { ensureEngine } from '../../setup/engine.ts';
import { checkPrograms } from './view-programs.ts';

describe('random programs of view calls answer as the reference model does', function () {
  this.timeout(600_000);
  before(() => ensureEngine());

  it('300 programs on x86-64', () => checkPrograms('x86-64', 300));
  it('100 programs where each view has its own tables', () => checkPrograms('x86-64', 100, { views: 'mmview-5.15' }));
  it('50 programs on AArch64', () => checkPrograms('aarch64', 50));
  it('50 programs there where each view has its own tables', () =>
    checkPrograms('aarch64', 50, { views: 'mmview-5.15' }));
});
