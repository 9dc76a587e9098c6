import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SigningKeys } from './signing-keys.ts';
import { deriveSigningKey, type Scope } from './sigv4.ts';

const scope: Scope = { date: '20130524', region: 'us-east-1' };

test('finds the key that derivation gives, cached or not', () => {
  const keys = new SigningKeys();
  const expected = deriveSigningKey('secret', scope).hexOf('text');
  const derived = keys.find('KEY', 'secret', scope);
  assert.equal(derived.hmac.hexOf('text'), expected);
  assert.notEqual(keys.find('KEY', 'secret', scope), derived);
  keys.remember(derived);
  assert.equal(keys.find('KEY', 'secret', scope), derived);
});

test('access key, day and region all tell keys apart', () => {
  const keys = new SigningKeys();
  const first = keys.find('KEY', 'secret', scope);
  keys.remember(first);
  for (const other of [
    keys.find('KEY2', 'secret', scope),
    keys.find('KEY', 'secret', { ...scope, date: '20130525' }),
    keys.find('KEY', 'secret', { ...scope, region: 'eu-west-1' }),
  ]) {
    keys.remember(other);
  }
  assert.equal(keys.size, 4);
  assert.equal(keys.find('KEY', 'secret', scope), first);
});

test('a rotated secret never gets the key of the old one, and takes its place', () => {
  const keys = new SigningKeys();
  const old = keys.find('KEY', 'old', scope);
  keys.remember(old);
  const rotated = keys.find('KEY', 'new', scope);
  assert.equal(rotated.hmac.hexOf('text'), deriveSigningKey('new', scope).hexOf('text'));
  assert.equal(keys.find('KEY', 'old', scope), old);
  keys.remember(rotated);
  assert.equal(keys.size, 1);
  assert.equal(keys.find('KEY', 'new', scope), rotated);
  assert.notEqual(keys.find('KEY', 'old', scope), old);
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
  assert.equal(find('A'), first);
  keys.remember(find('C'));
  assert.equal(keys.size, 2);
  assert.equal(find('A'), first);
  assert.notEqual(find('B'), second);
});

test('neither secret nor key shows when the cache is printed', () => {
  const keys = new SigningKeys();
  const key = keys.find('KEY', 'the-secret', scope);
  keys.remember(key);
  assert.equal(JSON.stringify(keys), '{}');
  assert.equal(JSON.stringify(key).includes('the-secret'), false);
});

test('a cache holds at least one key', () => {
  for (const count of [0, -1, 1.5, Number.NaN]) {
    assert.throws(() => new SigningKeys(count), RangeError);
  }
});
