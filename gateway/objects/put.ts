/**
 * Making a received body the current version of a key: one commit that checks that the bucket is
 * still there and the preconditions hold, takes the ticket, publishes and writes the version record.
 */
import type { Transaction } from '../../blobseer-client/index.ts';
import type {
  Acl,
  Bucket,
  Checksum,
  Extent,
  ObjectHeaders,
  ObjectVersion,
} from '../namespace/namespace.ts';
import { mayReplaceObject, rightsOfNewObject } from '../s3/acl.ts';
import { checkWrite, type WriteConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import type { HeaderReader } from '../s3/headers.ts';
import { userMetadata } from '../s3/metadata.ts';
import { storageClass, systemHeaders } from '../s3/object-headers.ts';
import { parseTagging } from '../s3/tagging.ts';
import { presentBucket } from './find.ts';
import type { ReceivedBody } from './receive.ts';
import type { Stores } from './stores.ts';

/** What a client says about an object beside its bytes. */
export interface Description {
  readonly storageClass: string;
  readonly headers: ObjectHeaders;
  readonly tags: Readonly<Record<string, string>> | undefined;
}

/** From the request's headers. Throws InvalidStorageClass, MetadataTooLarge, InvalidTag and kin. */
export function describe(headers: HeaderReader): Description {
  const tags = parseTagging(headers.get('x-amz-tagging'));
  return {
    storageClass: storageClass(headers),
    headers: { system: systemHeaders(headers), user: userMetadata(headers) },
    tags,
  };
}

export interface Placed {
  /** As it was in the commit. */
  readonly bucket: Bucket;
  readonly version: ObjectVersion;
}

export interface PutRequest extends Replacing {
  /** Undefined is 'private'. */
  readonly acl: Acl | undefined;
  readonly description: Description;
  readonly received: ReceivedBody;
}

/** A write, as its preconditions see it. */
export interface Replacing {
  readonly bucket: Bucket;
  readonly key: string;
  /** Who writes: `anonymousId` without a signature. */
  readonly writerId: string;
  readonly conditions: WriteConditions;
}

/** Throws where the current object may not be replaced, or not like this; a delete marker is none. */
export function checkReplacing(
  { namespace, config }: Pick<Stores, 'namespace' | 'config'>,
  { bucket, key, writerId, conditions }: Replacing,
): void {
  const isConditional = conditions.ifMatch !== undefined || conditions.ifNoneMatch !== undefined;
  if (!isConditional && !config.cumulus) return;
  const found = namespace.current(bucket.id, key);
  const current = found?.isDeleteMarker ? undefined : found;
  if (config.cumulus && current !== undefined && !mayReplaceObject(bucket, current, writerId)) {
    throw new S3Error('AccessDenied');
  }
  checkWrite(conditions, current, key);
}

/** Frees the pages when the commit fails. Throws NoSuchBucket and what the conditions throw. */
export async function putReceived(stores: Stores, request: PutRequest): Promise<Placed> {
  const { namespace, blobseer, clock } = stores;
  const { key, writerId, conditions, description, received } = request;
  const { staged } = received;
  const checksum: Checksum | undefined = received.checksums[0];
  try {
    const put = (transaction: Transaction): Placed => {
      const bucket = presentBucket(namespace, request.bucket, transaction);
      checkReplacing(stores, { bucket, key, writerId, conditions });
      const { ownerId, acl } = rightsOfNewObject(bucket, writerId, request.acl);
      // Field by field: it is built for every object, and spreading takes longer.
      const version = namespace.putVersion(transaction, bucket, key, {
        isDeleteMarker: false,
        size: received.size,
        etag: received.etag,
        modifiedMs: clock.nowMs(),
        ownerId,
        acl,
        storageClass: description.storageClass,
        headers: description.headers,
        checksum,
        tags: description.tags,
        extents: published(stores, transaction, received),
        parts: [],
      });
      return { bucket, version };
    };
    return await blobseer.store.commit(put, 'repeatable');
  } catch (error) {
    await staged?.abort();
    throw error;
  }
}

/** Publishes a received body; what was empty takes no ticket. */
export function published(
  { blobseer }: Pick<Stores, 'blobseer'>,
  transaction: Transaction,
  { staged }: ReceivedBody,
): Extent[] {
  if (staged === undefined) return [];
  return [{ snapshot: blobseer.publish(transaction, staged), offset: 0, length: staged.size }];
}
