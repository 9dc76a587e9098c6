import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Released } from './released.ts';

const name = (text: string): Buffer => Buffer.from(text);

test('keys and what begins with a released name are known for a minute', () => {
  let nowMs = 0;
  const released = new Released(() => nowMs);
  assert.equal(released.has(name('abcdef')), false);
  released.add([name('abc'), name('0123456789')]);
  assert.equal(released.has(name('abcdef')), true);
  assert.equal(released.has(name('abc')), true);
  assert.equal(released.has(name('ab')), false);
  assert.equal(released.has(name('xabc')), false);
  assert.equal(released.has(name('0123456789')), true);
  nowMs = 30_000;
  released.add([name('abc')]);
  nowMs = 60_000;
  assert.equal(released.has(name('0123456789')), false);
  assert.equal(released.has(name('abcdef')), true, 'released again');
  nowMs = 90_000;
  assert.equal(released.has(name('abcdef')), false);
});

test('it stays bounded: the oldest are forgotten', () => {
  const released = new Released(() => 0);
  const names = Array.from({ length: 2 ** 17 + 10 }, (_, index) => name(`name ${index}.`));
  released.add(names);
  assert.equal(released.has(names[0]!), false);
  assert.equal(released.has(names[9]!), false);
  assert.equal(released.has(names[10]!), true);
  assert.equal(released.has(names.at(-1)!), true);
});
