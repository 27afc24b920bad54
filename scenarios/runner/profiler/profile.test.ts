import assert from 'node:assert/strict';
import { FunctionTable } from '../symbols.ts';
import { parseProfile, renderProfile, resolveProfile } from './profile.ts';

const functions = new FunctionTable([
  { name: 'main', address: 0x1000 },
  { name: 'work', address: 0x1100 },
  { name: 'leaf', address: 0x1200 },
]);
const text = 'melf-profile 1\narc 1020 1105 3\narc 1040 1105 4\narc 1120 1205 70\nlost 0\n';

describe('profiles', () => {
  it('add up call sites by caller and by function', () => {
    const profile = resolveProfile(parseProfile(text), functions);
    assert.deepEqual(
      [...profile.calls],
      [
        [0x1100, 7],
        [0x1200, 70],
      ],
    );
    assert.equal(profile.total, 77);
    assert.deepEqual(
      profile.arcs.map(({ caller, callee, calls }) => [caller.name, callee.name, calls]),
      [
        ['main', 'work', 7],
        ['work', 'leaf', 70],
      ],
    );
  });

  it("give a call to its caller even when it is the caller's last instruction", () => {
    const { arcs } = resolveProfile(parseProfile('melf-profile 1\narc 1100 1205 1\nlost 0\n'), functions);
    assert.equal(arcs[0]?.caller.name, 'main');
  });

  it('are written as gprof does', () => {
    const lines = renderProfile(resolveProfile(parseProfile(text), functions)).split('\n');
    assert.ok(lines.includes('  90.91           70  leaf'));
    const work = lines.findIndex((line) => line.startsWith('[2]'));
    assert.match(lines[work - 1]!, /7\/7 +main \[3\]/);
    assert.match(lines[work]!, /^\[2\] +7 {2}work \[2\]/);
    assert.match(lines[work + 1]!, /70\/70 +leaf \[1\]/);
  });

  it('are refused when they are cut off or damaged', () => {
    for (const bad of [
      '',
      'melf-profile 2\nlost 0\n',
      text.slice(0, 40),
      text.replace('arc', 'ark'),
      `${text}arc 1 2 3\n`,
    ])
      assert.throws(() => parseProfile(bad), /cannot be read/);
  });
});
