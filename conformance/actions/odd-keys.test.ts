/**
 * Keys are flat strings of 1 to 1024 bytes of UTF-8:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();

const odd = [
  'plain',
  'a',
  'a/b',
  'a/',
  'a//b',
  '/',
  '//',
  '/leading',
  'trailing/',
  '.',
  '..',
  './x',
  '../x',
  'a/../b',
  'a/./b',
  ' ',
  ' a ',
  'a b',
  'a+b',
  'a%2Fb',
  '%',
  '%zz',
  '%00',
  'a?b',
  'a#b',
  'a&b=c',
  'a;b',
  "quote'",
  'quote"',
  '<tag>',
  '&amp;',
  'back\\slash',
  '~!@$^*()_-=[]{}|:,.`',
  'ümlaut',
  'u\u0308mlaut',
  '日本語/ファイル',
  '😀/👩‍👩‍👧',
  '\u{10ffff}',
  '\uffff',
  'tab\there',
  'cr\rhere',
  'lf\nhere',
  'crlf\r\nhere',
  'u\u0000',
  'u\u0001',
  'u\u007f',
  'u\u0085',
  'u\u2028',
  '0123',
  '1e3',
  '-0',
  'true',
  'null',
  'undefined',
  '__proto__',
  'constructor',
  'toString',
  'index.html',
  '_/health/live',
  'x'.repeat(1024),
  'é'.repeat(512),
];

test('every odd key is stored, read, headed and deleted as itself, by raw HTTP', async () => {
  const bucket = await s3.makeBucket();
  for (const key of odd) {
    const put = await s3.put(bucket, key, `body of ${key}`);
    assert.equal(put.status, 200, `${JSON.stringify(key)} ${put.text}`);
  }
  for (const key of odd) {
    assert.equal((await s3.get(bucket, key)).text, `body of ${key}`, JSON.stringify(key));
    assert.equal((await s3.head(bucket, key)).status, 200, JSON.stringify(key));
  }
  for (const [index, key] of odd.entries()) {
    assert.equal((await s3.delete(bucket, key)).status, 204);
    assert.equal((await s3.get(bucket, key)).status, 404, JSON.stringify(key));
    const next = odd[index + 1];
    if (next !== undefined) assert.equal((await s3.head(bucket, next)).status, 200, next);
  }
});

test('by the SDK, which lists with encoding-type=url', async () => {
  const Bucket = await s3.makeBucket();
  // The SDK itself normalises '.' and '..' away and cannot send them.
  const sendable = odd.filter((key) => !key.split('/').some((part) => /^\.{1,2}$/.test(part)));
  for (const Key of sendable) {
    await s3.client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  }
  for (const Key of sendable) {
    const answer = await s3.client.send(new GetObjectCommand({ Bucket, Key }));
    assert.equal(await answer.Body?.transformToString(), Key);
  }
  const list = await s3.client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
  const listed = (list.Contents ?? []).map(({ Key }) => decodeURIComponent(Key ?? ''));
  const byBytes = (left: string, right: string) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right));
  assert.deepEqual(listed, [...sendable].sort(byBytes));
  for (const Key of sendable) await s3.client.send(new DeleteObjectCommand({ Bucket, Key }));
  const after = await s3.client.send(new ListObjectsV2Command({ Bucket }));
  assert.equal(after.KeyCount, 0);
});

test('a key of more than 1024 bytes is KeyTooLongError with its size', async () => {
  const bucket = await s3.makeBucket();
  for (const key of ['x'.repeat(1025), 'é'.repeat(513)]) {
    assertError(await s3.put(bucket, key, 'x'), 400, 'KeyTooLongError', {
      Size: String(Buffer.byteLength(key)),
      MaxSizeAllowed: '1024',
    });
  }
});

test('plus is a plus in a path and a plus in a query', async () => {
  const bucket = await s3.makeBucket();
  await s3.put(bucket, 'p+q', 'plus');
  await s3.put(bucket, 'p q', 'space');
  assert.equal((await s3.get(bucket, 'p+q')).text, 'plus');
  const list = await s3.send({ path: `/${bucket}?list-type=2&prefix=p%2B` });
  assert.match(list.text, /<Key>p\+q<\/Key>/);
  assert.doesNotMatch(list.text, /<Key>p q<\/Key>/);
});

test('a path that is not UTF-8 is InvalidURI, and no alias of %25ff', async () => {
  const bucket = await s3.makeBucket();
  await s3.put(bucket, '%ff', 'literal');
  const answer = await s3.send({
    path: `/${bucket}/%ff`,
    exactHeaders: true,
    headers: { Host: new URL(s3.endpoint).host },
  });
  assertError(answer, 400, 'InvalidURI');
  for (const path of ['%c0%af', '%ed%a0%80', 'a%', 'a%2']) {
    const bad = await s3.send({
      path: `/${bucket}/${path}`,
      exactHeaders: true,
      headers: { Host: new URL(s3.endpoint).host },
    });
    assertError(bad, 400, 'InvalidURI');
  }
});
