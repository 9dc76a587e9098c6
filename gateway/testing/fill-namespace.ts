/**
 * Fills a bucket through the write path that PutObject takes, without HTTP: bodies received, digested and
 * staged, then one commit each, many at a time. For namespaces of a size that no test waits for over HTTP.
 *
 *   node dist/gateway/testing/fill-namespace.js --data DIRECTORY --bucket NAME --key 'folder/{n}'
 *        --numbers 1000000 [--first 0] [--bytes 1] [--delete]
 *
 * `{n}` stands for a number of eight digits; a key without it gets a version per number. `--delete`
 * deletes the keys. The bucket is there, this release has served the directory (which upgrades it), and nobody
 * serves it meanwhile. A run that was broken
 * off goes on with the `--first` that it told last: all below is on the disk.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { withStorage } from '../commands/tool.ts';
import { configWith } from '../config.ts';
import { lockDirectory } from '../directory-lock.ts';
import type { Bucket } from '../namespace/namespace.ts';
import { baseOfObject } from '../objects/base.ts';
import { deleteOne } from '../objects/delete.ts';
import { presentBucket } from '../objects/find.ts';
import { withLease } from '../objects/lease.ts';
import { describe, putReceived } from '../objects/put.ts';
import { announcedOf, type IncomingBody, receiveBody } from '../objects/receive.ts';
import { deleteConditions, writeConditions } from '../s3/conditions.ts';
import type { HeaderReader } from '../s3/headers.ts';
import type { Services } from '../services.ts';

/** Written at a time: as many share a commit and its sync as one is worth. */
const concurrency = 512;
const reportEvery = 100_000;
const digits = 8;

interface Filling {
  readonly key: string;
  readonly bytes: number;
  readonly first: number;
  readonly numbers: number;
  readonly isDelete: boolean;
}

type Work = (services: Services, bucket: Bucket, key: string, bytes: number) => Promise<unknown>;

const noHeaders: HeaderReader = { get: () => undefined, withPrefix: () => [] };
const { signal } = new AbortController();

const putObject: Work = (services, bucket, key, bytes) => {
  const { blobseer, namespace } = services;
  const incoming: IncomingBody = {
    headers: noHeaders,
    body: bodyOf(key, bytes),
    decodedLength: bytes,
    trailers: new Map(),
    signal,
  };
  return withLease(blobseer, async () => {
    const target = baseOfObject(blobseer, namespace, bucket, key, bytes);
    const received = await receiveBody(blobseer, incoming, announcedOf(incoming), target);
    return await putReceived(services, {
      ...{
        bucket,
        key,
        writerId: bucket.ownerId,
        acl: undefined,
        conditions: writeConditions(noHeaders),
      },
      description: describe(noHeaders),
      received,
    });
  });
};

const deleteObject: Work = (services, bucket, key) =>
  services.blobseer.store.commit((transaction) =>
    deleteOne(services, transaction, presentBucket(services.namespace, bucket), {
      ...{
        key,
        requesterId: bucket.ownerId,
        versionId: undefined,
        conditions: deleteConditions(noHeaders),
      },
    }),
  );

async function* bodyOf(key: string, bytes: number): AsyncGenerator<Buffer> {
  yield Buffer.alloc(bytes, key);
}

async function fill(services: Services, bucket: Bucket, filling: Filling): Promise<void> {
  const { key, bytes, first, numbers, isDelete } = filling;
  const work = isDelete ? deleteObject : putObject;
  const end = first + numbers;
  /** What each writer writes. */
  const writing = new Array<number>(concurrency).fill(first);
  let next = first;
  let done = 0;
  const beganMs = performance.now();
  const report = () => {
    const seconds = (performance.now() - beganMs) / 1000;
    console.error(
      `${done} in ${seconds.toFixed(1)} s; --first ${Math.min(...writing)} goes on here`,
    );
  };
  const writer = async (index: number) => {
    while (next < end) {
      const number = next++;
      writing[index] = number;
      const name = key.replaceAll('{n}', String(number).padStart(digits, '0'));
      await work(services, bucket, name, bytes);
      done += 1;
      if (done % reportEvery === 0) report();
    }
    writing[index] = end;
  };
  await Promise.all(writing.map((_, index) => writer(index)));
  report();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      data: { type: 'string', default: '' },
      bucket: { type: 'string', default: '' },
      key: { type: 'string', default: '' },
      numbers: { type: 'string', default: '0' },
      first: { type: 'string', default: '0' },
      bytes: { type: 'string', default: '1' },
      delete: { type: 'boolean', default: false },
    },
  });
  const directory = path.resolve(values.data);
  const config = configWith({ dataDirectory: directory });
  const lock = await lockDirectory({ directory, waitSeconds: 0, onWait: () => undefined });
  try {
    await withStorage(config, async ({ services }) => {
      const bucket = services.namespace.bucket(values.bucket);
      if (bucket === undefined) throw new Error(`there is no bucket "${values.bucket}"`);
      await fill(services, bucket, {
        key: values.key,
        bytes: Number(values.bytes),
        first: Number(values.first),
        numbers: Number(values.numbers),
        isDelete: values.delete,
      });
    });
  } finally {
    lock.release();
  }
}

await main();
