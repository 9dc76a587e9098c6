/** CreateMultipartUpload: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError, objectPath } from '../harness/http.ts';
import { Uploads } from '../harness/multipart.ts';
import { type HeaderMap, openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const uploads = new Uploads(s3, bucket);

const create = (key: string, headers: HeaderMap = {}, from = bucket) =>
  s3.send({ method: 'POST', path: objectPath(from, key, 'uploads'), headers });

test('what the upload was created with is what the object has', async () => {
  const uploadId = await uploads.create('described', {
    ContentType: 'text/x-own',
    Metadata: { a: 'b' },
    CacheControl: 'no-store',
    ContentDisposition: 'attachment',
    Tagging: 'a=1&b=2',
    StorageClass: 'STANDARD_IA',
  });
  assertError(await s3.get(bucket, 'described'), 404, 'NoSuchKey');
  const part = await uploads.part('described', uploadId, 1, Buffer.from('x'));
  assert.equal((await uploads.complete('described', uploadId, [part])).status, 200);
  const { headers } = await s3.get(bucket, 'described');
  assert.equal(headers['content-type'], 'text/x-own');
  assert.equal(headers['x-amz-meta-a'], 'b');
  assert.equal(headers['cache-control'], 'no-store');
  assert.equal(headers['content-disposition'], 'attachment');
  assert.equal(headers['x-amz-tagging-count'], '2');
  assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA');
});

test('two uploads of one key are two uploads', async () => {
  const ids = [await uploads.create('twice'), await uploads.create('twice')] as const;
  assert.notEqual(ids[0], ids[1]);
  const parts = [
    await uploads.part('twice', ids[0], 1, Buffer.from('first')),
    await uploads.part('twice', ids[1], 1, Buffer.from('second')),
  ] as const;
  assert.equal((await uploads.complete('twice', ids[1], [parts[1]])).status, 200);
  assert.equal((await s3.get(bucket, 'twice')).text, 'second');
  assert.equal((await uploads.complete('twice', ids[0], [parts[0]])).status, 200);
  assert.equal((await s3.get(bucket, 'twice')).text, 'first');
});

test('algorithm and type: which go together, and what is answered', async () => {
  const composite = ['CRC32', 'CRC32C', 'MD5', 'SHA1', 'SHA256', 'SHA512'];
  const xxHashes = ['XXHASH128', 'XXHASH3', 'XXHASH64'];
  const pairs: Record<string, readonly string[]> = {
    COMPOSITE: [...composite, ...xxHashes],
    FULL_OBJECT: ['CRC32', 'CRC32C', 'CRC64NVME'],
  };
  for (const algorithm of [...composite, ...xxHashes, 'CRC64NVME']) {
    const plain = await create('typed', { 'x-amz-checksum-algorithm': algorithm });
    assert.equal(plain.headers['x-amz-checksum-algorithm'], algorithm);
    assert.equal(
      plain.headers['x-amz-checksum-type'],
      algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE',
    );
    for (const type of ['COMPOSITE', 'FULL_OBJECT']) {
      const answer = await create('typed', {
        'x-amz-checksum-algorithm': algorithm,
        'x-amz-checksum-type': type,
      });
      if (pairs[type]?.includes(algorithm)) {
        assert.equal(answer.status, 200, `${algorithm} ${type}: ${answer.text}`);
        assert.equal(answer.headers['x-amz-checksum-type'], type);
      } else {
        assertError(answer, 400, 'InvalidRequest', {
          Message: `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
        });
      }
    }
  }
  const none = await create('typed');
  assert.equal(none.headers['x-amz-checksum-algorithm'], undefined);
  assert.equal(none.headers['x-amz-checksum-type'], undefined);
});

test('unknown algorithms and types, and a type alone, are InvalidRequest', async () => {
  assertError(await create('bad', { 'x-amz-checksum-algorithm': 'MD4' }), 400, 'InvalidRequest', {
    Message: /unsupported/,
  });
  const type = await create('bad', {
    'x-amz-checksum-algorithm': 'CRC32',
    'x-amz-checksum-type': 'HALF',
  });
  assertError(type, 400, 'InvalidRequest', {
    Message: 'Value for x-amz-checksum-type header is invalid.',
  });
  const alone = await create('bad', { 'x-amz-checksum-type': 'COMPOSITE' });
  assertError(alone, 400, 'InvalidRequest', { Message: /can only be used with/ });
});

test('into an absent bucket is NoSuchBucket', async () => {
  assertError(await create('k', {}, s3.newBucketName()), 404, 'NoSuchBucket');
});
