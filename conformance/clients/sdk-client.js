// The current @aws-sdk/client-s3 as an application uses it, with its defaults.
import assert from 'node:assert/strict';
import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

const { ENDPOINT, BUCKET: Bucket, MATERIAL } = process.env;
const client = new S3Client({ endpoint: ENDPOINT, forcePathStyle: true });
const small = readFileSync(path.join(MATERIAL, 'small.txt'));
const large = readFileSync(path.join(MATERIAL, 'large.bin'));
const read = async (input) => {
  const answer = await client.send(new GetObjectCommand({ Bucket, ...input }));
  return Buffer.from(await answer.Body.transformToByteArray());
};

await client.send(new CreateBucketCommand({ Bucket }));

// Buffers go with a checksum header, streams framed with a trailer.
await client.send(
  new PutObjectCommand({ Bucket, Key: 'buffer', Body: small, Metadata: { a: 'b' } }),
);
const stream = createReadStream(path.join(MATERIAL, 'large.bin'));
await client.send(
  new PutObjectCommand({ Bucket, Key: 'stream', Body: stream, ContentLength: large.length }),
);
await new Upload({
  client,
  params: { Bucket, Key: 'in parts', Body: createReadStream(path.join(MATERIAL, 'large.bin')) },
}).done();
assert.ok((await read({ Key: 'buffer' })).equals(small));
assert.ok((await read({ Key: 'stream' })).equals(large));
assert.ok((await read({ Key: 'in parts' })).equals(large));
assert.equal((await client.send(new HeadObjectCommand({ Bucket, Key: 'buffer' }))).Metadata.a, 'b');

const keys = ['with space', 'plus+', 'ü/日本/😀', 'a//b', "quote'", 'percent%41', 'cr\rlf\n'];
for (const Key of keys) await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
for (const Key of keys) assert.equal((await read({ Key })).toString(), Key);
const listed = [];
for await (const page of paginateListObjectsV2({ client, pageSize: 3 }, { Bucket })) {
  listed.push(...page.Contents.map((each) => each.Key));
}
assert.equal(listed.length, keys.length + 3);

await client.send(
  new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/${encodeURI('in parts')}` }),
);
assert.ok((await read({ Key: 'copy' })).equals(large));

const put = await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: 'presigned' }));
assert.equal((await fetch(put, { method: 'PUT', body: 'by fetch' })).status, 200);
const get = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'presigned' }));
assert.equal(await (await fetch(get)).text(), 'by fetch');

await client.send(
  new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
);
const first = await client.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'one' }));
await client.send(new PutObjectCommand({ Bucket, Key: 'v', Body: 'two' }));
await client.send(new DeleteObjectCommand({ Bucket, Key: 'v' }));
assert.equal((await read({ Key: 'v', VersionId: first.VersionId })).toString(), 'one');
await assert.rejects(read({ Key: 'v' }), { name: 'NoSuchKey' });
await assert.rejects(
  client.send(new PutObjectCommand({ Bucket, Key: 'buffer', Body: 'x', IfNoneMatch: '*' })),
  { name: 'PreconditionFailed' },
);

for (;;) {
  const page = await client.send(new ListObjectVersionsCommand({ Bucket, MaxKeys: 5 }));
  const Objects = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])].map(
    ({ Key, VersionId }) => ({ Key, VersionId }),
  );
  if (Objects.length === 0) break;
  const answer = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.deepEqual(answer.Errors ?? [], []);
}
await client.send(new DeleteBucketCommand({ Bucket }));
client.destroy();
