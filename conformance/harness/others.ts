/**
 * Somebody else: a second user, and buckets whose ACLs let others in. The user is made as an operator
 * makes one; for a server that is not ours it comes from S3_OTHER_ACCESS_KEY and S3_OTHER_SECRET_KEY.
 */
import assert from 'node:assert/strict';
import { type Credentials, runCommand } from './gateway.ts';
import type { Target } from './target.ts';
import { textOf } from './xml.ts';

export interface OtherUser {
  readonly credentials: Credentials;
  readonly id: string;
}

/** A tenant's user of another S3, with what such ids and secrets are made of. */
const imported = {
  name: 'other',
  id: 'testx$9876543210abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  credentials: {
    accessKeyId: '0555b35654ad1656d804',
    secretAccessKey: 'h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngq+xD7iBdBYLhwluN30JaT3Q==',
  },
} as const;

/** Undefined where there is none: tests that need one are skipped. */
export async function otherUser(target: Target): Promise<OtherUser | undefined> {
  const { gateway } = target;
  if (gateway !== undefined) {
    const { id, name, credentials } = imported;
    const { status, output } = await runCommand(
      [
        ...['user', 'add', name, '--id', id, '--access-key', credentials.accessKeyId],
        ...['--data', gateway.dataDirectory],
      ],
      { BLOBSEER_S3_USER_SECRET: credentials.secretAccessKey },
    );
    assert.equal(status, 0, output);
    return { id, credentials };
  }
  const accessKeyId = process.env.S3_OTHER_ACCESS_KEY;
  const secretAccessKey = process.env.S3_OTHER_SECRET_KEY;
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  const credentials = { accessKeyId, secretAccessKey };
  const list = await target.send({ path: '/', credentials });
  return { id: textOf(list.text, 'ID') ?? '', credentials };
}

/** A new bucket whose objects are their writers' and whose ACL, given, counts. */
export async function bucketWithAcl(target: Target, acl: string): Promise<string> {
  const bucket = target.newBucketName();
  const ownership = { 'x-amz-object-ownership': 'ObjectWriter' };
  const created = await target.send({ method: 'PUT', path: `/${bucket}`, headers: ownership });
  assert.equal(created.status, 200, created.text);
  // AWS blocks public ACLs on every new bucket; a server without such blocks refuses this, or not.
  await target.send({ method: 'DELETE', path: `/${bucket}?publicAccessBlock` });
  const set = await target.send({
    method: 'PUT',
    path: `/${bucket}?acl`,
    headers: { 'x-amz-acl': acl },
  });
  assert.equal(set.status, 200, set.text);
  return bucket;
}
