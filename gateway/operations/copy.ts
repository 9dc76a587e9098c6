/** CopyObject and UploadPartCopy: another reference on the source's snapshots; no byte moves. */
import type { ByteRange } from '../../blobseer-client/index.ts';
import type { Bucket } from '../namespace/namespace.ts';
import { type CopySource, copyPart, copyVersion, type SourceAddress } from '../objects/copy.ts';
import { describe } from '../objects/put.ts';
import { requestedAlgorithm } from '../s3/checksum-headers.ts';
import { checksumElement } from '../s3/checksums.ts';
import { checkCopySource, writeConditions } from '../s3/conditions.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { storageClass } from '../s3/object-headers.ts';
import { parseCopySourceRange } from '../s3/ranges.ts';
import { element } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { newObjectAcl } from './acl.ts';
import { newVersionHeader, quoted, xmlAnswer } from './answers.ts';
import { partPlace } from './multipart.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, refuseVersionId, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

export async function copyObject(request: S3Request, services: Services): Promise<S3Response> {
  const { headers, key } = request;
  const bucket = loadedBucket(request);
  // "All CopyObject requests must be authenticated" (API_CopyObject), whatever is open to everybody.
  if (request.identity === undefined) {
    throw new S3Error('AccessDenied', {
      message: 'Anonymous users cannot copy objects.  Please authenticate.',
    });
  }
  checkKey(key);
  refuseUnsupported(headers);
  refuseVersionId(request);
  const source = sourceAddress(request, services);
  const writerId = requesterId(request);
  const acl = newObjectAcl(headers, bucket, writerId, services);
  const metadata = directive(request, 'x-amz-metadata-directive');
  const tagging = directive(request, 'x-amz-tagging-directive');
  // Before the copy, so that bad headers are refused even where the directive ignores them.
  const description = describe(headers);
  const askedClass = headers.get('x-amz-storage-class');
  const redirect = description.headers.system['x-amz-website-redirect-location'];
  const checksum = requestedAlgorithm(headers);
  const isUnchanged =
    metadata === 'COPY' &&
    askedClass === undefined &&
    redirect === undefined &&
    checksum === undefined;
  const placed = await copyVersion(services, {
    source,
    bucket,
    key,
    writerId,
    acl,
    conditions: writeConditions(headers),
    checksum,
    checkSource: (version) => {
      checkCopySource(headers, version);
      if (isUnchanged && isItself(source, bucket, key)) throw copyOntoItself();
      // Whoever may read an object may not read its tags by that (API_CopyObject, x-amz-tagging).
      const copiesTags = tagging === 'COPY' && version.tags !== undefined;
      if (copiesTags && writerId !== source.bucket.ownerId) throw new S3Error('AccessDenied');
    },
    describe: (version) => ({
      storageClass: storageClass(headers),
      headers: metadata === 'COPY' ? copiedHeaders(version.headers, redirect) : description.headers,
      tags: (tagging === 'COPY' ? version.tags : description.tags) ?? {},
    }),
    signal: request.signal,
  });
  const { version } = placed;
  const answer = xmlAnswer(
    'CopyObjectResult',
    element('LastModified', isoDate(version.modifiedMs)),
    element('ETag', quoted(version.etag)),
    version.checksum === undefined
      ? []
      : [
          element(checksumElement(version.checksum.algorithm), version.checksum.value),
          element('ChecksumType', version.checksum.type),
        ],
  );
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...newVersionHeader(placed.bucket, version.versionId),
      ...sourceVersionHeader(placed.source),
    },
  };
}

function sourceVersionHeader({ bucket, version }: CopySource): Record<string, string> {
  if (bucket.versioning === 'Unversioned') return {};
  return { 'x-amz-copy-source-version-id': version.versionId };
}

/** A redirect belongs to the object it was set on and is never copied (API_CopyObject). */
function copiedHeaders(
  { system, user }: CopySource['version']['headers'],
  redirect: string | undefined,
): CopySource['version']['headers'] {
  const { 'x-amz-website-redirect-location': _own, ...others } = system;
  return {
    system:
      redirect === undefined ? others : { ...others, 'x-amz-website-redirect-location': redirect },
    user,
  };
}

/** A past version copied onto its key is how a version is restored: no copy onto itself. */
function isItself(source: SourceAddress, bucket: Bucket, key: string): boolean {
  return source.bucket.id === bucket.id && source.key === key && source.versionId === undefined;
}

function copyOntoItself(): S3Error {
  return new S3Error('InvalidRequest', {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  });
}

export async function uploadPartCopy(request: S3Request, services: Services): Promise<S3Response> {
  const { headers } = request;
  checkKey(request.key);
  refuseUnsupported(headers);
  const rangeHeader = headers.get('x-amz-copy-source-range');
  const { part, checksum, source } = await copyPart(services, {
    source: sourceAddress(request, services),
    place: partPlace(request),
    checkSource: (version) => checkCopySource(headers, version),
    range: (size) => copyRange(rangeHeader, size),
    signal: request.signal,
  });
  const answer = xmlAnswer(
    'CopyPartResult',
    element('LastModified', isoDate(part.modifiedMs)),
    element('ETag', quoted(part.etag)),
    checksum && element(checksumElement(checksum.algorithm), checksum.value),
  );
  return { ...answer, headers: { ...answer.headers, ...sourceVersionHeader(source) } };
}

function copyRange(header: string | undefined, size: number): ByteRange {
  if (header === undefined) return { offset: 0, length: size };
  const { start, length } = parseCopySourceRange(header, size);
  return { offset: start, length };
}

type Directive = 'COPY' | 'REPLACE';

function directive(request: S3Request, name: string): Directive {
  const value = request.headers.get(name) ?? 'COPY';
  if (value === 'COPY' || value === 'REPLACE') return value;
  throw invalidArgument(name, value, `Unknown ${name.replace('x-amz-', '')}.`);
}

/** Clients that encode the value as a whole send its slashes as %2F, which S3 takes. */
const sourceForm = /^(?:\/|%2[Ff])?([^/?]+?)(?:\/|%2[Ff])(.+?)(?:\?versionId=([^?&]*))?$/s;

/** Percent-encoded, or raw UTF-8 bytes (one character each) as some clients send them. */
function decoded(raw: string): string | undefined {
  try {
    return decodeURIComponent(Buffer.from(raw, 'latin1').toString('utf8'));
  } catch {
    return undefined;
  }
}

/**
 * The source that the request names (`bucket/key` or `/bucket/key`, with `?versionId=` behind it), its
 * bucket loaded. Throws InvalidArgument and NoSuchBucket. Whether it may be read is decided when it is
 * found.
 */
function sourceAddress(request: S3Request, services: Services): SourceAddress {
  const { namespace } = services;
  const header = request.headers.get('x-amz-copy-source') ?? '';
  const [, rawBucket, rawKey, versionId] = sourceForm.exec(header) ?? [];
  const bucketText = rawBucket === undefined ? undefined : decoded(rawBucket);
  const keyText = rawKey === undefined ? undefined : decoded(rawKey);
  if (bucketText === undefined || keyText === undefined) {
    throw invalidArgument(
      'x-amz-copy-source',
      header,
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
    );
  }
  const bucket = namespace.bucket(bucketText);
  if (bucket === undefined) {
    throw new S3Error('NoSuchBucket', { fields: { BucketName: bucketText } });
  }
  const expected = request.headers.get('x-amz-source-expected-bucket-owner');
  if (expected !== undefined && expected !== namespace.user(bucket.ownerId)?.accountId) {
    throw new S3Error('AccessDenied');
  }
  checkKey(keyText);
  return { bucket, key: keyText, versionId };
}
