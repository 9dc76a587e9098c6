/** Multipart uploads: CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload. */
import { setImmediate } from 'node:timers/promises';
import type { ObjectVersion } from '../namespace/namespace.ts';
import { completeUpload, type NamedPart } from '../objects/complete.ts';
import { presentBucket } from '../objects/find.ts';
import { maxPartNumber } from '../objects/limits.ts';
import { type PartPlace, receivePart } from '../objects/parts.ts';
import { describe } from '../objects/put.ts';
import { findUpload, type UploadPlace } from '../objects/uploads.ts';
import { rightsOfNewObject } from '../s3/acl.ts';
import {
  announcedObjectChecksum,
  announcedObjectSize,
  namedPartChecksum,
  requestedChecksum,
  requestedType,
} from '../s3/checksum-headers.ts';
import {
  type ChecksumAlgorithm,
  checksumAlgorithms,
  checksumElement,
  checksumHeader,
} from '../s3/checksums.ts';
import { writeConditions } from '../s3/conditions.ts';
import { S3Error } from '../s3/errors.ts';
import { checkKey } from '../s3/names.ts';
import { element } from '../s3/xml.ts';
import { children, childText, parseLargeXml, requiredText, type XmlNode } from '../s3/xml-parse.ts';
import type { Services } from '../services.ts';
import { newObjectAcl } from './acl.ts';
import { newVersionHeader, noContent, quoted, xmlAnswer } from './answers.ts';
import { parsePartNumber } from './get-object.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, refuseVersionId, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

export async function createMultipartUpload(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { headers, key } = request;
  const { blobseer, namespace, clock } = services;
  const bucket = loadedBucket(request);
  if (request.identity === undefined) {
    throw new S3Error('AccessDenied', {
      message: 'Anonymous users cannot initiate multipart uploads.  Please authenticate.',
    });
  }
  const { userId } = request.identity;
  checkKey(key);
  refuseUnsupported(headers);
  const description = describe(headers);
  const acl = newObjectAcl(headers, bucket, userId, services);
  const checksum = requestedChecksum(headers);
  const upload = await blobseer.store.commit((transaction) => {
    const present = presentBucket(namespace, bucket);
    return namespace.createUpload(transaction, present.id, {
      ...description,
      key,
      ownerId: rightsOfNewObject(present, userId, acl).ownerId,
      ...(acl === undefined ? {} : { acl }),
      initiatorId: userId,
      initiatedMs: clock.nowMs(),
      ...(checksum === undefined ? {} : { checksum }),
    });
  });
  const answer = xmlAnswer(
    'InitiateMultipartUploadResult',
    element('Bucket', bucket.name),
    element('Key', key),
    element('UploadId', upload.uploadId),
  );
  if (checksum === undefined) return answer;
  return {
    ...answer,
    headers: {
      ...answer.headers,
      'x-amz-checksum-algorithm': checksum.algorithm,
      'x-amz-checksum-type': checksum.type,
    },
  };
}

export function uploadPlace(request: S3Request): UploadPlace {
  const { key, query } = request;
  return {
    bucket: loadedBucket(request),
    key,
    uploadId: query.get('uploadId') ?? '',
    requesterId: requesterId(request),
  };
}

/** Where a part belongs, from the query. */
export function partPlace(request: S3Request): PartPlace {
  return {
    ...uploadPlace(request),
    number: parsePartNumber(request.query.get('partNumber') ?? ''),
  };
}

export async function uploadPart(request: S3Request, services: Services): Promise<S3Response> {
  checkKey(request.key);
  refuseUnsupported(request.headers);
  const { part, checksum } = await receivePart(services, partPlace(request), request);
  return {
    status: 200,
    headers: {
      ETag: quoted(part.etag),
      ...(checksum === undefined ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value }),
    },
  };
}

export async function completeMultipartUpload(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { headers, key } = request;
  checkKey(key);
  refuseUnsupported(headers);
  refuseVersionId(request);
  const placed = await completeUpload(services, {
    ...uploadPlace(request),
    named: await namedParts(request.document),
    expected: {
      size: announcedObjectSize(headers),
      checksum: announcedObjectChecksum(headers),
      checksumType: requestedType(headers),
    },
    conditions: writeConditions(headers),
  });
  return completed(
    request,
    placed.version,
    newVersionHeader(placed.bucket, placed.version.versionId),
  );
}

function completed(
  request: S3Request,
  { etag, checksum }: ObjectVersion,
  headers: Readonly<Record<string, string>>,
): S3Response {
  const answer = xmlAnswer(
    'CompleteMultipartUploadResult',
    element('Location', `${request.origin}${request.resource}`),
    element('Bucket', request.bucket),
    element('Key', request.key),
    element('ETag', quoted(etag)),
    checksum === undefined
      ? []
      : [
          element(checksumElement(checksum.algorithm), checksum.value),
          element('ChecksumType', checksum.type),
        ],
  );
  return { ...answer, headers: { ...answer.headers, ...headers } };
}

/** Parts taken from the document at once: some milliseconds. */
const partsPerStep = 1000;

async function namedParts(document: Buffer): Promise<NamedPart[]> {
  const root = await parseLargeXml(document, 'CompleteMultipartUpload');
  const parts = children(root, 'Part');
  if (parts.length > maxPartNumber) throw new S3Error('MalformedXML');
  const named: NamedPart[] = [];
  for (const part of parts) {
    named.push(namedPart(part));
    if (named.length % partsPerStep === 0) await setImmediate();
  }
  return named;
}

const algorithmOfElement: ReadonlyMap<string, ChecksumAlgorithm> = new Map(
  checksumAlgorithms.map((algorithm) => [checksumElement(algorithm), algorithm]),
);

function namedPart(node: XmlNode): NamedPart {
  const number = requiredText(node, 'PartNumber').trim();
  if (!/^\d{1,5}$/.test(number)) throw new S3Error('MalformedXML');
  const checksums = node.children.flatMap(({ name }) => {
    const algorithm = algorithmOfElement.get(name);
    if (algorithm === undefined) return [];
    const value = childText(node, name);
    return value === undefined || value === '' ? [] : [{ algorithm, value }];
  });
  return {
    number: parsePartNumber(number),
    etag: unquoted(requiredText(node, 'ETag').trim()),
    checksum: namedPartChecksum(checksums),
  };
}

function unquoted(etag: string): string {
  return etag.replace(/^"(.*)"$/, '$1');
}

/** Frees what was uploaded. */
export async function abortMultipartUpload(
  request: S3Request,
  services: Services,
): Promise<S3Response> {
  const { blobseer, namespace } = services;
  const place = uploadPlace(request);
  await blobseer.store.commit((transaction) => {
    const bucket = presentBucket(namespace, place.bucket);
    const upload = findUpload(namespace, { ...place, bucket });
    namespace.endUpload(transaction, upload, new Set());
  });
  return noContent();
}
