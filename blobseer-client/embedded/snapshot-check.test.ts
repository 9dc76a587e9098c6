/** Walks of a check over keys that a damaged one has put out of order: they end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behind } from './snapshot-check.ts';

const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));

test('a walk goes on behind the last key, and ends behind none', () => {
  assert.deepEqual(behind(bytes('a', 'b'), undefined), Buffer.from('b\0'));
  assert.deepEqual(behind(bytes('b', 'c'), Buffer.from('a\0')), Buffer.from('c\0'));
  assert.deepEqual(behind(bytes('c'), Buffer.from('c')), Buffer.from('c\0'));
  assert.equal(behind([], Buffer.from('a')), undefined);
});

test('a walk ends where it would begin again with what it has had', () => {
  assert.equal(behind(bytes('alpha', 'beta', 'Zulu'), undefined), undefined);
  assert.equal(behind(bytes('alpha', 'beta'), Buffer.from('gamma\0')), undefined);
});
