import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestHeaders } from './request-headers.ts';

const headers = new RequestHeaders([
  'Host',
  'a',
  'X-Amz-Meta-B',
  '1',
  'x-amz-meta-a',
  'ä',
  'X-AMZ-META-B',
  '2',
  'Content-Type',
  'one',
  'content-type',
  'two',
  'Range',
  'bytes=0-1',
  'range',
  'bytes=2-3',
]);

test('names are found in lower case, however they were sent', () => {
  assert.equal(headers.get('host'), 'a');
  assert.equal(headers.get('absent'), undefined);
  assert.equal(headers.get('__proto__'), undefined);
});

test('lists are joined, single values are the first', () => {
  assert.equal(headers.get('x-amz-meta-b'), '1,2');
  assert.equal(headers.get('content-type'), 'one');
  assert.equal(headers.get('range'), 'bytes=0-1');
});

test('by prefix, each name once, in order', () => {
  assert.deepEqual(headers.withPrefix('x-amz-meta-'), [
    ['x-amz-meta-b', '1,2'],
    ['x-amz-meta-a', 'ä'],
  ]);
});

test('the pairs are as sent', () => {
  assert.equal(headers.pairs.length, 8);
  assert.deepEqual(headers.pairs[3], ['X-AMZ-META-B', '2']);
});
