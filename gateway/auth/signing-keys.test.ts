import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SigningKeys } from './signing-keys.ts';
import { deriveSigningKey, type Scope } from './sigv4.ts';

const scope: Scope = { date: '20130524', region: 'us-east-1' };

test('finds the key that derivation gives, cached or not', () => {
  const keys = new SigningKeys();
  const expected = deriveSigningKey('secret', scope);
  const derived = keys.find('KEY', 'secret', scope);
  assert.deepEqual(derived.bytes, expected);
  assert.notEqual(keys.find('KEY', 'secret', scope).bytes, derived.bytes);
  keys.remember(derived);
  assert.equal(keys.find('KEY', 'secret', scope).bytes, derived.bytes);
});

test('access key, secret, day and region all tell keys apart', () => {
  const keys = new SigningKeys();
  keys.remember(keys.find('KEY', 'secret', scope));
  for (const other of [
    keys.find('KEY2', 'secret', scope),
    keys.find('KEY', 'secret2', scope),
    keys.find('KEY', 'secret', { ...scope, date: '20130525' }),
    keys.find('KEY', 'secret', { ...scope, region: 'eu-west-1' }),
  ]) {
    keys.remember(other);
  }
  assert.equal(keys.size, 5);
});

test('a full cache loses the least recently used', () => {
  const keys = new SigningKeys(2);
  const find = (accessKey: string) => keys.find(accessKey, 'secret', scope);
  const first = find('A');
  const second = find('B');
  keys.remember(first);
  keys.remember(second);
  keys.remember(second);
  assert.equal(keys.size, 2);
  assert.equal(find('A').bytes, first.bytes);
  keys.remember(find('C'));
  assert.equal(keys.size, 2);
  assert.equal(find('A').bytes, first.bytes);
  assert.notEqual(find('B').bytes, second.bytes);
});

test('neither secret nor key shows when the cache is printed', () => {
  const keys = new SigningKeys();
  keys.remember(keys.find('KEY', 'the-secret', scope));
  assert.equal(JSON.stringify(keys), '{}');
});

test('a cache holds at least one key', () => {
  for (const count of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => new SigningKeys(count), RangeError);
  }
});
