/**
 * The lock of a place in a bucket: an object that is written where there is none, and again and again while it is held.
 * One that nobody has written for long is a dead program's. Its age is told by the service's own clock.
 */
import { randomUUID } from 'node:crypto';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { digestOfBytes } from './digest.ts';
import type { PlaceLock } from './place.ts';
import type { S3Client } from './s3-client.ts';

const beatEveryMs = 15_000;
const silenceMs = 90_000;

/** Throws `unavailable` when another program holds it. */
export async function lockBucket(
  client: S3Client,
  key: string,
  placeName: string,
): Promise<PlaceLock> {
  const bytes = Buffer.from(`${randomUUID()}\n`);
  const body = { ...digestOfBytes(bytes), open: () => [bytes] };
  const write = async (condition: Readonly<Record<string, string>>) => {
    const request = { method: 'PUT', key, headers: condition, body } as const;
    const { status, headers, body: answer } = await client.send(request, [200, 404, 409, 412]);
    answer.resume();
    return status === 200 ? headers.etag : undefined;
  };
  let etag = await write({ 'if-none-match': '*' });
  if (etag === undefined) {
    const dead = await deadLock(client, key);
    if (dead !== undefined) etag = await write({ 'if-match': dead });
  }
  if (etag === undefined) {
    throw new BlobSeerError(
      'unavailable',
      `another program works on ${placeName}, or was killed less than ${silenceMs / 1000} seconds ago`,
    );
  }
  let held = etag;
  const confirm = async () => {
    const next = await write({ 'if-match': held });
    if (next !== undefined) {
      held = next;
      return;
    }
    throw new BlobSeerError('conflict', `another program has taken ${placeName} over`);
  };
  const timer = setInterval(() => void confirm().catch(() => undefined), beatEveryMs);
  timer.unref();
  return {
    confirm,
    async release() {
      clearInterval(timer);
      await confirm(); // another's must stay
      const answer = await client.send({ method: 'DELETE', key }, [200, 204, 404]);
      answer.body.resume();
    },
  };
}

/** The ETag of a lock that its owner has not written for long. */
async function deadLock(client: S3Client, key: string): Promise<string | undefined> {
  const { status, headers, body } = await client.send({ method: 'GET', key }, [200, 404]);
  body.resume();
  if (status === 404) return undefined;
  const age = Date.parse(headers.date ?? '') - Date.parse(headers['last-modified'] ?? '');
  return age > silenceMs ? headers.etag : undefined;
}
