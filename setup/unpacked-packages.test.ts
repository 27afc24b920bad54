import assert from 'node:assert/strict';
import { dependencyNames } from './unpacked-packages.ts';

describe('what packages depend on', () => {
  it('is found by the names in Depends, versions and alternatives left out', () => {
    const depends =
      'cpp-12-aarch64-linux-gnu (= 12.2.0-14cross1), libc6 (>= 2.36), libisl23 (>= 0.15) | libisl22, zlib1g';
    assert.deepEqual(dependencyNames(depends), ['cpp-12-aarch64-linux-gnu', 'libc6', 'libisl23', 'zlib1g']);
    assert.deepEqual(dependencyNames(''), []);
  });
});
