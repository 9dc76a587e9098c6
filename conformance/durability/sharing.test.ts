/**
 * A new version costs only the pages that changed, whether it comes in one PUT or in parts; a copy
 * costs nothing; and deleting gives the space back.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  CopyObjectCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { BlobSeer, isOnBlobSeer } from '../harness/blobseer.ts';
import { emptyBucket } from '../harness/buckets.ts';
import { diskUseMiB, mebibyte } from '../harness/disk-use.ts';
import { Gateway } from '../harness/gateway.ts';
import { send } from '../harness/http.ts';
import { makeClient } from '../harness/target.ts';

const Bucket = 'sharing';
// One of its own: others write to the one that all tests share.
const blobseer = isOnBlobSeer ? await BlobSeer.start() : undefined;
const gateway = await Gateway.start({ env: blobseer?.environment ?? {} });
const client = makeClient(gateway.endpoint, gateway.credentials);
after(async () => {
  client.destroy();
  await gateway.remove();
  await blobseer?.remove();
});
const target = {
  endpoint: gateway.endpoint,
  credentials: gateway.credentials,
  region: 'us-east-1',
};
await send(target, { method: 'PUT', path: `/${Bucket}` });
await client.send(
  new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
);

/** MiB that the data directory takes on the disk; of a BlobSeer's pages, each counted once. */
async function usedMiB(): Promise<number> {
  if (blobseer !== undefined) return (await blobseer.pageBytes()) / mebibyte;
  return diskUseMiB(gateway.dataDirectory);
}

/** The same bytes with 1 MiB changed in the middle. */
function changed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  randomBytes(mebibyte).copy(copy, 20 * mebibyte + 12_345);
  return copy;
}

async function growthOf(write: () => Promise<unknown>): Promise<number> {
  const before = await usedMiB();
  await write();
  return (await usedMiB()) - before;
}

const original = randomBytes(48 * mebibyte);

test('an overwrite by one PUT in which 1 MiB changed stores about 1 MiB', async () => {
  const put = (Body: Buffer) => client.send(new PutObjectCommand({ Bucket, Key: 'one', Body }));
  const first = await growthOf(() => put(original));
  assert.ok(first > 40, `the first version takes ${first} MiB`);
  const next = changed(original);
  const second = await growthOf(() => put(next));
  assert.ok(second < 4, `the second takes ${second} MiB`);
  const same = await growthOf(() => put(next));
  assert.ok(same < 1, `an equal third takes ${same} MiB`);
  assert.ok((await send(target, { path: `/${Bucket}/one` })).body.equals(next));
});

test('an overwrite in parts, as aws s3 cp does it, stores the changed pages too', async () => {
  const put = (Body: Buffer) =>
    new Upload({ client, params: { Bucket, Key: 'parts', Body }, partSize: 8 * mebibyte }).done();
  await put(original);
  const next = changed(original);
  const second = await growthOf(() => put(next));
  assert.ok(second < 4, `the second takes ${second} MiB`);
  assert.ok((await send(target, { path: `/${Bucket}/parts` })).body.equals(next));
});

test('a copy takes no space', async () => {
  const grown = await growthOf(() =>
    client.send(new CopyObjectCommand({ Bucket, Key: 'copy', CopySource: `${Bucket}/one` })),
  );
  assert.ok(grown < 1, `it takes ${grown} MiB`);
});

test('deleting every version gives the space back', async () => {
  await emptyBucket(client, Bucket);
  const deadline = Date.now() + 60_000;
  for (let used = await usedMiB(); used > 20; used = await usedMiB()) {
    assert.ok(Date.now() < deadline, `${used} MiB are still used`);
    await delay(100);
  }
});
