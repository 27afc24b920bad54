import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { configurationFile, linkWordsOf } from './build.ts';
import { BuildProgress, descriptions, weightOf } from './build-progress.ts';
import { patchedFiles } from './build-tree.ts';
import { configurationOf } from './executable.ts';

const step = (n: number, what: string): string => `[${n}/9] ${what}\n`;
const sql = 'Building CXX object sql/CMakeFiles/sql.dir/handler.cc.o';
const c = 'Building C object mysys/CMakeFiles/mysys.dir/my_pread.c.o';

describe('build of MariaDB', () => {
  it('weighs a file of sql/ more than one in C, and all else little', () => {
    assert.ok(weightOf(sql) > 5 * weightOf(c));
    assert.ok(weightOf('Linking C static library strings/libstrings.a') < weightOf(c));
  });

  it('estimates the time left by weight, not by count', () => {
    const progress = new BuildProgress([sql, c, c, c, c, c], 0);
    assert.equal(progress.left(20_000), undefined);
    for (let i = 1; i <= 5; i++) progress.add(step(i, c));
    assert.ok(Math.abs(progress.share - 5 / 20) < 1e-9);
    assert.ok(Math.abs(progress.left(10_000)! - 30_000) < 1e-6);
    progress.add(step(6, sql));
    assert.equal(progress.share, 1);
    assert.equal(progress.left(30_000), 0);
  });

  it('understands output that comes in pieces', () => {
    const whole = new BuildProgress([sql, c, c], 0);
    const text = `${step(1, c)}ninja: warning\n${step(2, sql)}`;
    for (const character of text) whole.add(character);
    assert.ok(Math.abs(whole.share - 16 / 17) < 1e-9);
    assert.deepEqual(descriptions(text), [c, sql]);
  });

  it('finds the link among the commands, without program and output', () => {
    const commands = `cc -c x\n: && /p/melf-c++.cjs -O2 "-DA=b c" main.o -o sql/mariadbd  -lm  sql/libsql.a && :\n`;
    assert.deepEqual(linkWordsOf(commands), ['-O2', '-DA=b c', 'main.o', '-lm', 'sql/libsql.a']);
  });

  it('leaves out variants that a form does not have, and the stand-ins for the checks', () => {
    const text = readFileSync(configurationFile, 'utf8');
    const one = configurationOf(text, ['asan']);
    assert.doesNotMatch(one, /name = "plain"|no-checks/);
    assert.match(one, /name = "asan"[\s\S]*kernel-address[\s\S]*\[compiler\][\s\S]*\[common\]/);
    assert.equal(configurationOf(text, ['plain', 'asan']), text.replace(/^link-flags = .*$/m, ''));
  });

  it('has a patch for the two places where connections are served', () => {
    const patch = readFileSync(join(import.meta.dirname, 'patches/connections.patch'), 'utf8');
    assert.deepEqual(patchedFiles(patch), ['sql/sql_connect.cc', 'sql/threadpool_common.cc']);
  });
});
