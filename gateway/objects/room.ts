/**
 * Whether a quota has room for what is about to be uploaded: an upload without hope is refused before
 * a byte of it is stored. What counts is the commit's own check. Both throw `over-quota`.
 */
import type { Bucket, Namespace, Upload } from '../namespace/namespace.ts';
import { rightsOfNewObject } from '../s3/acl.ts';
import type { PutRequest } from './put.ts';

/** `length` undefined: nobody knows yet. */
export function requireRoomForObject(
  namespace: Namespace,
  { bucket, key, writerId, acl }: Pick<PutRequest, 'bucket' | 'key' | 'writerId' | 'acl'>,
  length: number | undefined,
): void {
  if (length === undefined || length === 0) return;
  const { ownerId } = rightsOfNewObject(bucket, writerId, acl);
  if (namespace.usage(ownerId) === undefined) return;
  namespace.requireRoom(ownerId, length - replacedBytes(namespace, bucket, key, ownerId));
}

export function requireRoomForPart(
  namespace: Namespace,
  upload: Upload,
  number: number,
  length: number | undefined,
): void {
  if (length === undefined || length === 0) return;
  if (namespace.usage(upload.ownerId) === undefined) return;
  const [next] = namespace.uploadParts(upload, number - 1, 1);
  const replaced = next?.number === number ? next.size : 0;
  namespace.requireRoom(upload.ownerId, length - replaced);
}

/** What goes as the new version comes. */
function replacedBytes(namespace: Namespace, bucket: Bucket, key: string, ownerId: string): number {
  if (bucket.versioning === 'Enabled') return 0;
  const replaced = namespace.version(bucket.id, key, 'null');
  return replaced?.ownerId === ownerId ? replaced.size : 0;
}
