/** GetObjectAttributes: what HEAD knows, and the parts, in one document. */
import type { Checksum, Namespace, ObjectVersion } from '../namespace/namespace.ts';
import { findVersion } from '../objects/find.ts';
import { layoutOf } from '../objects/layout.ts';
import { checksumElement } from '../s3/checksums.ts';
import { checkRead } from '../s3/conditions.ts';
import { httpDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { element, type Fragment } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { versionHeader, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { count, maxPageSize } from './paging.ts';
import { loadedBucket, lookOf } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

const attributeNames = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;
type AttributeName = (typeof attributeNames)[number];

export function getObjectAttributes(request: S3Request, services: Services): S3Response {
  const { headers, key, query } = request;
  const { namespace } = services;
  const bucket = loadedBucket(request);
  checkKey(key);
  refuseUnsupported(headers);
  const wanted = wantedAttributes(headers.get('x-amz-object-attributes'));
  const version = findVersion(namespace, lookOf(request, bucket), key, query.get('versionId'));
  const ownVersion = versionHeader(bucket, version.versionId);
  checkRead(headers, version, () => ownVersion);
  const answer = xmlAnswer(
    'GetObjectAttributesResponse',
    // Without quotes, unlike everywhere else (API_GetObjectAttributes).
    wanted.has('ETag') ? element('ETag', version.etag) : undefined,
    wanted.has('Checksum') ? checksumElements('Checksum', version.checksum) : undefined,
    wanted.has('ObjectParts') ? objectParts(request, namespace, bucket.id, version) : undefined,
    wanted.has('StorageClass') ? element('StorageClass', version.storageClass) : undefined,
    wanted.has('ObjectSize') ? element('ObjectSize', version.size) : undefined,
  );
  return {
    ...answer,
    headers: {
      ...answer.headers,
      'Last-Modified': httpDate(version.modifiedMs),
      ...ownVersion,
    },
  };
}

function wantedAttributes(header: string | undefined): ReadonlySet<AttributeName> {
  const name = 'x-amz-object-attributes';
  const texts = (header ?? '').split(',').map((text) => text.trim());
  const known = texts.map((text) => attributeNames.find((attribute) => attribute === text));
  const wanted = new Set<AttributeName>();
  for (const attribute of known) {
    if (attribute === undefined) {
      throw invalidArgument(name, header ?? '', 'Invalid attribute name specified.');
    }
    wanted.add(attribute);
  }
  return wanted;
}

function checksumElements(name: string, checksum: Checksum | undefined): Fragment | undefined {
  if (checksum === undefined) return undefined;
  return element(
    name,
    element(checksumElement(checksum.algorithm), checksum.value),
    element('ChecksumType', checksum.type),
  );
}

/** Absent for an object that came in one piece. */
function objectParts(
  request: S3Request,
  namespace: Namespace,
  bucketId: number,
  version: ObjectVersion,
): Fragment | undefined {
  if (version.partCount === 0) return undefined;
  const marker = headerCount(request, 'x-amz-part-number-marker') ?? 0;
  const maxParts = Math.min(headerCount(request, 'x-amz-max-parts') ?? maxPageSize, maxPageSize);
  const following = layoutOf(namespace, { id: bucketId }, version).parts.filter(
    ({ number }) => number > marker,
  );
  const parts = following.slice(0, maxParts);
  return element(
    'ObjectParts',
    element('IsTruncated', maxParts > 0 && following.length > parts.length),
    element('MaxParts', maxParts),
    element('NextPartNumberMarker', parts.at(-1)?.number ?? 0),
    element('PartNumberMarker', marker),
    element('PartsCount', version.partCount),
    parts.map((part) =>
      element(
        'Part',
        part.checksum === undefined
          ? undefined
          : element(checksumElement(part.checksum.algorithm), part.checksum.value),
        element('PartNumber', part.number),
        element('Size', part.size),
      ),
    ),
  );
}

function headerCount(request: S3Request, name: string): number | undefined {
  const text = request.headers.get(name);
  return text === undefined ? undefined : count(name, text);
}
