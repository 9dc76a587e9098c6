/** Conditional writes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

test('PUT If-None-Match: * creates once', async () => {
  const headers = { 'If-None-Match': '*' };
  assert.equal((await s3.put(bucket, 'once', 'first', headers)).status, 200);
  assertError(await s3.put(bucket, 'once', 'second', headers), 412, 'PreconditionFailed', {
    Condition: 'If-None-Match',
  });
  assert.equal((await s3.get(bucket, 'once')).text, 'first');
  await s3.delete(bucket, 'once');
  assert.equal((await s3.put(bucket, 'once', 'third', headers)).status, 200);
});

test('PUT If-Match replaces only what it names; on an absent key it is NoSuchKey', async () => {
  const etag = (await s3.put(bucket, 'match', 'one')).headers.etag ?? '';
  assertError(
    await s3.put(bucket, 'match', 'two', { 'If-Match': '"d41d8cd98f00b204e9800998ecf8427e"' }),
    412,
    'PreconditionFailed',
    { Condition: 'If-Match' },
  );
  assert.equal((await s3.put(bucket, 'match', 'two', { 'If-Match': etag })).status, 200);
  assertError(
    await s3.put(bucket, 'match', 'three', { 'If-Match': etag }),
    412,
    'PreconditionFailed',
  );
  assert.equal((await s3.get(bucket, 'match')).text, 'two');
  assertError(await s3.put(bucket, 'absent', 'x', { 'If-Match': etag }), 404, 'NoSuchKey');
  assertError(await s3.get(bucket, 'absent'), 404, 'NoSuchKey');
});

test('an ETag without quotes means the same', async () => {
  const etag = (await s3.put(bucket, 'bare', 'one')).headers.etag ?? '';
  const bare = etag.replaceAll('"', '');
  assert.equal((await s3.put(bucket, 'bare', 'two', { 'If-Match': bare })).status, 200);
});

test('If-None-Match with an ETag and If-Match: * work on writes too', async () => {
  const etag = (await s3.put(bucket, 'wide', 'one')).headers.etag ?? '';
  assertError(
    await s3.put(bucket, 'wide', 'two', { 'If-None-Match': etag }),
    412,
    'PreconditionFailed',
  );
  assert.equal((await s3.put(bucket, 'wide', 'two', { 'If-Match': '*' })).status, 200);
  assert.equal((await s3.put(bucket, 'wide', 'three', { 'If-None-Match': etag })).status, 200);
  const absent = await s3.put(bucket, 'wide-absent', 'x', { 'If-Match': '*' });
  assert.ok([404, 412].includes(absent.status), String(absent.status));
});

test('DELETE If-Match removes only what it names', async () => {
  const etag = (await s3.put(bucket, 'del', 'one')).headers.etag ?? '';
  const wrong = await s3.delete(bucket, 'del', '', { 'If-Match': '"other"' });
  assertError(wrong, 412, 'PreconditionFailed');
  assert.equal((await s3.get(bucket, 'del')).text, 'one');
  assert.equal((await s3.delete(bucket, 'del', '', { 'If-Match': etag })).status, 204);
  assertError(await s3.get(bucket, 'del'), 404, 'NoSuchKey');
});

test('DELETE by size and by time, which AWS has for directory buckets', async () => {
  await s3.put(bucket, 'sized', 'four');
  const modified = (await s3.head(bucket, 'sized')).headers['last-modified'] ?? '';
  const cases: readonly (readonly [Record<string, string>, number])[] = [
    [{ 'x-amz-if-match-size': '5' }, 412],
    [{ 'x-amz-if-match-last-modified-time': 'Thu, 01 Jan 2015 00:00:00 GMT' }, 412],
    [{ 'x-amz-if-match-size': '4', 'x-amz-if-match-last-modified-time': modified }, 204],
  ];
  for (const [headers, status] of cases) {
    const answer = await s3.delete(bucket, 'sized', '', headers);
    assert.equal(answer.status, status, `${JSON.stringify(headers)} ${answer.text}`);
  }
});

test('of many concurrent creators exactly one succeeds', async () => {
  for (let round = 0; round < 5; round += 1) {
    const attempts = Array.from({ length: 16 }, (_, index) =>
      s3.put(bucket, `race-${round}`, `writer ${index}`, { 'If-None-Match': '*' }),
    );
    const statuses = (await Promise.all(attempts)).map(({ status }) => status);
    const winners = statuses.flatMap((status, index) => (status === 200 ? [index] : []));
    assert.equal(winners.length, 1, statuses.join());
    for (const status of statuses) assert.ok([200, 412, 409].includes(status), String(status));
    assert.equal((await s3.get(bucket, `race-${round}`)).text, `writer ${winners[0]}`);
  }
});

test('of many concurrent replacers of one ETag exactly one succeeds', async () => {
  const etag = (await s3.put(bucket, 'swap', 'start')).headers.etag ?? '';
  const attempts = Array.from({ length: 16 }, (_, index) =>
    s3.put(bucket, 'swap', `writer ${index}`, { 'If-Match': etag }),
  );
  const statuses = (await Promise.all(attempts)).map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 200).length, 1, statuses.join());
});

test('a delete marker counts as absent', async () => {
  const Bucket = await s3.makeBucket();
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  await s3.put(Bucket, 'k', 'one');
  assertError(await s3.put(Bucket, 'k', 'x', { 'If-None-Match': '*' }), 412, 'PreconditionFailed');
  await s3.delete(Bucket, 'k');
  assert.equal((await s3.put(Bucket, 'k', 'two', { 'If-None-Match': '*' })).status, 200);
});

test('a condition that fails is answered before the body is asked for, where it can be known', async () => {
  await s3.put(bucket, 'early', 'x');
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/early`,
    headers: { 'If-None-Match': '*', Expect: '100-continue', 'Content-Length': '5' },
    body: 'later',
    waitForContinue: true,
  });
  assertError(answer, 412, 'PreconditionFailed');
});
