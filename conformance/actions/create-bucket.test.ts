/** CreateBucket: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const create = (name: string, headers: Record<string, string> = {}, body = '') =>
  s3.send({ method: 'PUT', path: `/${name}`, headers, body });

test('creates a bucket and answers its Location', async () => {
  const name = s3.newBucketName();
  const answer = await s3.client.send(new CreateBucketCommand({ Bucket: name }));
  assert.equal(answer.Location, `/${name}`);
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 200);
});

test('creating one’s own bucket again is 200 and keeps what is in it', async () => {
  const name = await s3.makeBucket();
  await s3.put(name, 'kept', 'x');
  assert.equal((await create(name)).status, 200);
  assert.equal((await s3.get(name, 'kept')).text, 'x');
});

test('a path with a slash at its end is the bucket too', async () => {
  const name = s3.newBucketName();
  assert.equal((await s3.send({ method: 'PUT', path: `/${name}/` })).status, 200);
  assert.equal((await s3.send({ path: `/${name}` })).status, 200);
});

test('names that break the rules are InvalidBucketName', async () => {
  const names = [
    'ab',
    'a'.repeat(64),
    'Upper-case',
    'under_score',
    '-begins-with-dash',
    'ends-with-dash-',
    'two..dots',
    '192.168.5.4',
    'sp%20ace',
    '.dot-first',
  ];
  for (const name of names) {
    assertError(await create(name), 400, 'InvalidBucketName', { BucketName: /.+/ });
  }
});

test('names of 3 and 63 characters and with dots are right', async () => {
  const unique = s3.newBucketName().slice(-16);
  for (const name of [`a.${unique}.z`, `${unique}${'x'.repeat(63 - unique.length)}`]) {
    assert.equal((await create(name)).status, 200, name);
    assert.equal((await s3.send({ method: 'DELETE', path: `/${name}` })).status, 204);
  }
});

test('a malformed document is MalformedXML, and makes no bucket', async () => {
  const name = s3.newBucketName();
  const documents = [
    '<CreateBucketConfiguration>',
    'not xml at all',
    '<!DOCTYPE a [<!ENTITY b "c">]><CreateBucketConfiguration><LocationConstraint>&b;</LocationConstraint></CreateBucketConfiguration>',
    '<CreateBucketConfiguration/><CreateBucketConfiguration/>',
  ];
  for (const body of documents) assertError(await create(name, {}, body), 400, 'MalformedXML');
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 404);
});

test('an unknown canned ACL and an unknown ownership are refused, and make no bucket', async () => {
  const name = s3.newBucketName();
  for (const [header, value] of [
    ['x-amz-acl', 'public'],
    ['x-amz-object-ownership', 'Nobody'],
  ] as const) {
    assertError(await create(name, { [header]: value }), 400, 'InvalidArgument', {
      ArgumentName: header,
      ArgumentValue: value,
    });
  }
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 404);
});

test('object lock is refused by name rather than ignored', async () => {
  const name = s3.newBucketName();
  const answer = await create(name, { 'x-amz-bucket-object-lock-enabled': 'true' });
  assertError(answer, 501, 'NotImplemented');
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 404);
});
