import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listingEncoder } from './encoding.ts';
import { S3Error } from './errors.ts';

test('encoding-type=url writes space as %20 and plus as %2B, never a bare plus', () => {
  const encode = listingEncoder('url');
  assert.equal(encode('a b+c/d%\u0001\r'), 'a%20b%2Bc/d%25%01%0D');
  assert.equal(encode('é😀'), '%C3%A9%F0%9F%98%80');
  assert.equal(encode(''), '');
});

test('without encoding-type keys stay, another type is InvalidArgument', () => {
  assert.equal(listingEncoder(undefined)('a b+c'), 'a b+c');
  assert.throws(
    () => listingEncoder('base64'),
    (error) =>
      error instanceof S3Error &&
      error.code === 'InvalidArgument' &&
      error.fields.ArgumentName === 'encoding-type' &&
      error.fields.ArgumentValue === 'base64',
  );
});
