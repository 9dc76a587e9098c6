/**
 * Completing a multipart upload: which parts the client names, whether they fit together, and the one
 * version record that lists their extents. No byte moves.
 */
import { setImmediate } from 'node:timers/promises';
import type {
  Bucket,
  Checksum,
  Extent,
  Namespace,
  ObjectPart,
  ObjectVersion,
  Part,
  Upload,
} from '../namespace/namespace.ts';
import { mayUseObject, rightsOfNewObject } from '../s3/acl.ts';
import { multipartEtag } from '../s3/checksums.ts';
import type { WriteConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import { presentBucket } from './find.ts';
import { minPartBytes } from './limits.ts';
import { checkReplacing } from './put.ts';
import type { Stores } from './stores.ts';
import { findUploadOrEnded, noSuchUpload, type UploadPlace } from './uploads.ts';
import {
  type ExpectedChecksum,
  hasNamedChecksum,
  ownChecksum,
  wholeChecksum,
} from './whole-checksum.ts';

/** A part as CompleteMultipartUpload names it. */
export interface NamedPart {
  readonly number: number;
  /** Without quotes. */
  readonly etag: string;
  /** Base64. */
  readonly checksum: Pick<Checksum, 'algorithm' | 'value'> | undefined;
}

/** What the client says the whole object is; each is checked where it is given. */
export interface ExpectedObject extends ExpectedChecksum {
  readonly size: number | undefined;
}

export interface CompleteRequest extends UploadPlace {
  readonly named: readonly NamedPart[];
  readonly expected: ExpectedObject;
  readonly conditions: WriteConditions;
}

export interface Completed {
  readonly bucket: Bucket;
  readonly version: ObjectVersion;
}

/** Parts read from the namespace at once. */
const partBatch = 1000;
/** A part stored between reading and committing makes the reading void; clients do not do that. */
const maxAttempts = 5;

/**
 * Throws NoSuchUpload, AccessDenied, NoSuchBucket, InvalidPart, InvalidPartOrder, EntityTooSmall, BadDigest,
 * InvalidRequest, and what the conditions throw.
 */
export async function completeUpload(stores: Stores, request: CompleteRequest): Promise<Completed> {
  const { namespace, blobseer, clock } = stores;
  const { key } = request;
  const named = inOrder(request.named);
  for (let attempt = 1; ; attempt += 1) {
    const upload = findUploadOrEnded(namespace, request);
    if (upload === undefined) return completedBefore(namespace, { ...request, named });
    const whole = assemble(await matchParts(namespace, upload, named), upload, request.expected);
    const kept = new Set(named.map(({ number }) => number));
    const done = await blobseer.store.commit((transaction) => {
      const bucket = presentBucket(namespace, request.bucket);
      const now = namespace.upload(bucket.id, key, request.uploadId);
      if (now?.generation !== upload.generation) return undefined;
      checkReplacing(stores, { ...request, bucket, writerId: upload.initiatorId });
      // First, so that its bytes are not counted twice against a quota.
      namespace.endUpload(transaction, now, kept);
      const version = namespace.putVersion(transaction, bucket, key, {
        ...whole,
        isDeleteMarker: false,
        modifiedMs: clock.nowMs(),
        // By the bucket as it is now: who owns what others upload may have been configured meanwhile.
        ...rightsOfNewObject(bucket, upload.initiatorId, upload.acl),
        storageClass: upload.storageClass,
        headers: upload.headers,
        ...(upload.tags === undefined ? {} : { tags: upload.tags }),
      });
      return { bucket, version };
    });
    if (done !== undefined) return done;
    if (attempt === maxAttempts) throw new S3Error('OperationAborted');
    namespace.refresh();
  }
}

/**
 * A client that lost the answer asks again: the upload has ended, and the current version is made of
 * exactly the parts named. S3 answers such a retry as it answered before.
 */
function completedBefore(
  namespace: Namespace,
  { bucket, key, uploadId, requesterId, named }: CompleteRequest,
): Completed {
  const version = namespace.current(bucket.id, key);
  const etag = multipartEtag(named.map((part) => part.etag));
  if (
    version?.partCount === named.length &&
    version.etag === etag &&
    mayUseObject(bucket, version, requesterId, 'READ')
  ) {
    return { bucket, version };
  }
  throw noSuchUpload(uploadId);
}

/**
 * Throws InvalidPartOrder. A number that stands twice in a row is a part that was sent again: its last
 * ETag counts.
 */
function inOrder(named: readonly NamedPart[]): NamedPart[] {
  if (named.length === 0) throw new S3Error('MalformedXML');
  const ordered: NamedPart[] = [];
  for (const part of named) {
    const last = ordered.at(-1)?.number ?? 0;
    if (part.number < last) throw new S3Error('InvalidPartOrder');
    if (part.number === last) ordered.pop();
    ordered.push(part);
  }
  return ordered;
}

/** The stored parts that the client named, in order, each with the ETag and checksums it named. */
async function matchParts(
  namespace: Namespace,
  upload: Upload,
  named: readonly NamedPart[],
): Promise<Part[]> {
  const matched: Part[] = [];
  for (let after = 0; ; ) {
    const batch = namespace.uploadParts(upload, after, partBatch);
    matchBatch(upload, batch, named, matched);
    const last = batch.at(-1);
    if (last === undefined || batch.length < partBatch || matched.length === named.length) break;
    after = last.number;
    // Other requests run in between.
    await setImmediate();
  }
  const missing = named[matched.length];
  if (missing !== undefined) throw invalidPart(upload, missing);
  return matched;
}

/** Adds to `matched` those of the batch that are named. */
function matchBatch(
  upload: Upload,
  batch: readonly Part[],
  named: readonly NamedPart[],
  matched: Part[],
): void {
  for (const part of batch) {
    const wanted = named[matched.length];
    if (wanted === undefined) return;
    if (part.number < wanted.number) continue;
    const isSame = part.number === wanted.number && part.etag === wanted.etag;
    if (!isSame || !hasNamedChecksum(upload, part, wanted.checksum)) {
      throw invalidPart(upload, wanted);
    }
    matched.push(part);
  }
}

function invalidPart(upload: Upload, { number, etag }: NamedPart): S3Error {
  return new S3Error('InvalidPart', {
    fields: { UploadId: upload.uploadId, PartNumber: String(number), ETag: etag },
  });
}

interface Whole {
  readonly size: number;
  readonly etag: string;
  readonly extents: readonly Extent[];
  readonly parts: readonly ObjectPart[];
  readonly checksum?: Checksum;
}

function assemble(parts: readonly Part[], upload: Upload, expected: ExpectedObject): Whole {
  const last = parts.at(-1);
  for (const part of parts) {
    if (part.size < minPartBytes && part !== last) throw entityTooSmall(part);
  }
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  if (expected.size !== undefined && expected.size !== size) {
    throw new S3Error('InvalidRequest', {
      message: `The provided 'x-amz-mp-object-size' header value ${expected.size} does not match what was computed: ${size}`,
    });
  }
  const checksum = wholeChecksum(parts, upload, expected);
  return {
    size,
    etag: multipartEtag(parts.map(({ etag }) => etag)),
    extents: parts.flatMap(({ extents }) => extents),
    parts: parts.map((part) => objectPart(part, ownChecksum(upload, part))),
    ...(checksum === undefined ? {} : { checksum }),
  };
}

/** Of one shape each: ten thousand objects made by spreading are ten thousand shapes. */
function objectPart({ number, size, etag }: Part, checksum: Checksum | undefined): ObjectPart {
  return checksum === undefined ? { number, size, etag } : { number, size, etag, checksum };
}

function entityTooSmall(part: Part): S3Error {
  return new S3Error('EntityTooSmall', {
    fields: {
      ProposedSize: String(part.size),
      MinSizeAllowed: String(minPartBytes),
      PartNumber: String(part.number),
      ETag: part.etag,
    },
  });
}
