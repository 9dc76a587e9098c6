import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ConfigError } from './config.ts';
import { lockDirectory, makeDataDirectory } from './directory-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'lock-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const neverWaits = () => assert.fail('it waited');

test('a directory that is made is its user’s alone; an existing one is left as it is', () => {
  const made = path.join(directory, 'a', 'b');
  assert.equal(makeDataDirectory(made), true);
  assert.equal(statSync(made).mode & 0o777, 0o700);
  assert.equal(makeDataDirectory(made), false);
});

test('a file in its place is refused', () => {
  const file = path.join(directory, 'file');
  writeFileSync(file, '');
  assert.throws(() => makeDataDirectory(file), ConfigError);
  assert.throws(() => makeDataDirectory(path.join(file, 'below')), /cannot use/);
  assert.throws(() => makeDataDirectory('/proc/none/below'), /cannot use/);
});

test('a second lock waits, says so, and gives up', async () => {
  const lock = await lockDirectory({ directory, waitSeconds: 1, onWait: neverWaits });
  let waited = 0;
  const second = lockDirectory({
    directory,
    waitSeconds: 1,
    onWait: () => {
      waited += 1;
    },
  });
  await assert.rejects(second, /another server uses/);
  assert.equal(waited, 1);
  lock.release();
  const third = await lockDirectory({ directory, waitSeconds: 1, onWait: neverWaits });
  third.release();
});

test('a waiting lock is had as soon as the first is released', async () => {
  const lock = await lockDirectory({ directory, waitSeconds: 1, onWait: neverWaits });
  const second = lockDirectory({ directory, waitSeconds: 20, onWait: () => lock.release() });
  (await second).release();
});

test('a child that inherited the descriptor keeps the lock when its parent lets go', async () => {
  const lock = await lockDirectory({ directory, waitSeconds: 1, onWait: neverWaits });
  const child = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore', lock.descriptor] });
  lock.release();
  const waits = () => undefined;
  await assert.rejects(lockDirectory({ directory, waitSeconds: 0, onWait: waits }), ConfigError);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await ended;
  const after = await lockDirectory({ directory, waitSeconds: 1, onWait: neverWaits });
  after.release();
});
