import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error } from './errors.ts';
import { checkBucketName, checkKey, isBucketName, isOldBucketName } from './names.ts';

test('bucket names that S3 allows', () => {
  for (const name of [
    'abc',
    'a'.repeat(63),
    'my-bucket.with.dots',
    '123',
    '1.2.3.4.5',
    '1.2.3.a',
    'a--b',
    'sthree',
    'xn-a',
    'mrap',
  ]) {
    assert.equal(isBucketName(name), true, name);
  }
});

test('bucket names of before: by path alone', () => {
  for (const name of ['Repo', 'CumulusTest123', 'a_b', 'abc', 'a..b', 'x'.repeat(255), 'xn--abc']) {
    assert.equal(isOldBucketName(name), true, name);
  }
  for (const name of [
    '',
    'ab',
    'x'.repeat(256),
    '_health',
    '.abc',
    '-abc',
    'a b',
    'a/b',
    '1.2.3.4',
  ]) {
    assert.equal(isOldBucketName(name), false, name);
  }
});

test('bucket names that S3 refuses with InvalidBucketName', () => {
  for (const name of [
    '',
    'ab',
    'a'.repeat(64),
    'Abc',
    'a_b',
    'a b',
    'a/b',
    '_health',
    '-abc',
    'abc-',
    '.abc',
    'abc.',
    'a..b',
    'foo.-bar',
    'foo-.bar',
    '192.168.5.4',
    '999.1.1.1',
    'xn--abc',
    'sthree-abc',
    'amzn-s3-demo-abc',
    'abc-s3alias',
    'abc--ol-s3',
    'abc.mrap',
    'abc--x-s3',
    'abc--table-s3',
    'bücket',
    'abc\n',
  ]) {
    assert.throws(
      () => checkBucketName(name, isBucketName),
      (error) =>
        error instanceof S3Error &&
        error.code === 'InvalidBucketName' &&
        error.fields.BucketName === name,
      JSON.stringify(name),
    );
  }
});

test('KeyTooLongError (Size, MaxSizeAllowed) counts bytes of UTF-8', () => {
  checkKey('');
  checkKey('k'.repeat(1024));
  checkKey('é'.repeat(512));
  checkKey('😀'.repeat(256));
  for (const [key, size] of [
    ['k'.repeat(1025), '1025'],
    ['é'.repeat(513), '1026'],
    ['😀'.repeat(257), '1028'],
  ] as const) {
    assert.throws(
      () => checkKey(key),
      (error) => {
        assert.ok(error instanceof S3Error);
        assert.equal(error.code, 'KeyTooLongError');
        assert.deepEqual(Object.entries(error.fields), [
          ['Size', size],
          ['MaxSizeAllowed', '1024'],
        ]);
        return true;
      },
    );
  }
});
