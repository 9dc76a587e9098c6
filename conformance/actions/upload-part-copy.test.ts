/** UploadPartCopy: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const Bucket = await s3.makeBucket();
const source = randomBytes(12_345_678);
await s3.put(Bucket, 'source', source);

async function createUpload(Key: string): Promise<string> {
  const answer = await s3.client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  return answer.UploadId ?? '';
}

test('ranges of an object become parts of another, on any byte', async () => {
  const UploadId = await createUpload('copied');
  const ranges = [
    [1_000_003, 6_500_000],
    [0, 5_242_880],
    [12_345_670, 12_345_677],
  ] as const;
  const Parts = [];
  for (const [index, [from, to]] of ranges.entries()) {
    const answer = await s3.client.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: 'copied',
        UploadId,
        PartNumber: index + 1,
        CopySource: `${Bucket}/source`,
        CopySourceRange: `bytes=${from}-${to}`,
      }),
    );
    Parts.push({ PartNumber: index + 1, ETag: answer.CopyPartResult?.ETag });
  }
  await s3.client.send(
    new CompleteMultipartUploadCommand({
      Bucket,
      Key: 'copied',
      UploadId,
      MultipartUpload: { Parts },
    }),
  );
  const expected = Buffer.concat(ranges.map(([from, to]) => source.subarray(from, to + 1)));
  assert.ok((await s3.get(Bucket, 'copied')).body.equals(expected));
  await s3.delete(Bucket, 'source');
  assert.ok((await s3.get(Bucket, 'copied')).body.equals(expected), 'it outlives its source');
  await s3.put(Bucket, 'source', source);
});

test('a range beyond the source or malformed is refused', async () => {
  const UploadId = await createUpload('refused');
  for (const range of ['bytes=0-99999999', 'bytes=5-2', '0-5', 'bytes=-5', 'bytes=5-']) {
    const answer = await s3.send({
      method: 'PUT',
      path: `/${Bucket}/refused?partNumber=1&uploadId=${UploadId}`,
      headers: { 'x-amz-copy-source': `${Bucket}/source`, 'x-amz-copy-source-range': range },
    });
    assert.ok([400, 416].includes(answer.status), `${range}: ${answer.status}`);
    assert.match(answer.text, /<Code>Invalid(Argument|Range|Request)<\/Code>/);
  }
});

test('an absent source is NoSuchKey, an absent upload NoSuchUpload', async () => {
  const UploadId = await createUpload('absent');
  const copy = (uploadId: string, from: string) =>
    s3.send({
      method: 'PUT',
      path: `/${Bucket}/absent?partNumber=1&uploadId=${uploadId}`,
      headers: { 'x-amz-copy-source': `${Bucket}/${from}` },
    });
  assertError(await copy(UploadId, 'no-such-key'), 404, 'NoSuchKey');
  assertError(await copy('nonsense', 'source'), 404, 'NoSuchUpload');
});
