/** What is under way: ListMultipartUploads of a bucket, ListParts of an upload. */

import { NamespaceError } from '../namespace/errors.ts';
import type {
  Bucket,
  Checksum,
  Namespace,
  Part,
  Upload,
  UploadListPage,
  UploadListQuery,
} from '../namespace/namespace.ts';
import { maxPartNumber } from '../objects/limits.ts';
import { findUpload } from '../objects/uploads.ts';
import { ownChecksum } from '../objects/whole-checksum.ts';
import { checksumElement } from '../s3/checksums.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, quoted, xmlAnswer } from './answers.ts';
import { uploadPlace } from './multipart.ts';
import type { S3Request, S3Response } from './operation.ts';
import { count, type NameWriter, nameWriter, pageSize } from './paging.ts';
import { loadedBucket } from './request.ts';

export function listMultipartUploads(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const { namespace } = services;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  // Ignored without a key marker (API_ListMultipartUploads, upload-id-marker).
  const uploadIdMarker = keyMarker === '' ? '' : (query.get('upload-id-marker') ?? '');
  const maxUploads = pageSize(query, 'max-uploads');
  const { write, encodingType } = nameWriter(query);
  const bucket = loadedBucket(request);
  const page = listPage(namespace, bucket.id, {
    prefix,
    delimiter,
    keyMarker,
    uploadIdMarker,
    limit: maxUploads,
  });
  const owners = new Owners(namespace);
  return xmlAnswer(
    'ListMultipartUploadsResult',
    element('Bucket', request.bucket),
    element('KeyMarker', write(keyMarker)),
    element('UploadIdMarker', uploadIdMarker),
    page.isTruncated ? element('NextKeyMarker', write(page.last)) : undefined,
    page.isTruncated ? element('NextUploadIdMarker', page.lastUploadId) : undefined,
    element('Prefix', write(prefix)),
    delimiter === '' ? undefined : element('Delimiter', write(delimiter)),
    optional('EncodingType', encodingType),
    element('MaxUploads', maxUploads),
    element('IsTruncated', page.isTruncated),
    page.items.map((upload) => uploadEntry(upload, write, owners, bucket)),
    page.commonPrefixes.map((common) =>
      element('CommonPrefixes', element('Prefix', write(common))),
    ),
  );
}

function listPage(namespace: Namespace, bucketId: number, query: UploadListQuery): UploadListPage {
  try {
    return namespace.listUploads(bucketId, query);
  } catch (error) {
    if (!(error instanceof NamespaceError) || error.kind !== 'invalid-argument') throw error;
    throw invalidArgument('upload-id-marker', query.uploadIdMarker, 'Invalid uploadId marker');
  }
}

function uploadEntry(upload: Upload, write: NameWriter, owners: Owners, bucket: Bucket): Fragment {
  return element(
    'Upload',
    element('Key', write(upload.key)),
    element('UploadId', upload.uploadId),
    owners.element(upload.initiatorId, 'Initiator'),
    owners.ownerOf(bucket, upload),
    element('StorageClass', upload.storageClass),
    element('Initiated', isoDate(upload.initiatedMs)),
    checksumKind(upload),
  );
}

function checksumKind({ checksum }: Upload): Fragment[] {
  if (checksum === undefined) return [];
  return [element('ChecksumAlgorithm', checksum.algorithm), element('ChecksumType', checksum.type)];
}

export function listParts(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const { namespace } = services;
  const bucket = loadedBucket(request);
  const upload = findUpload(namespace, uploadPlace(request));
  const maxParts = pageSize(query, 'max-parts');
  const marker = partMarker(query.get('part-number-marker'));
  // One more than asked for tells whether the list goes on.
  const found = namespace.uploadParts(upload, marker, maxParts + 1);
  const parts = found.slice(0, maxParts);
  const isTruncated = maxParts > 0 && found.length > maxParts;
  const owners = new Owners(namespace);
  const { write, encodingType } = nameWriter(query);
  return xmlAnswer(
    'ListPartsResult',
    element('Bucket', bucket.name),
    element('Key', write(upload.key)),
    element('UploadId', upload.uploadId),
    optional('EncodingType', encodingType),
    owners.element(upload.initiatorId, 'Initiator'),
    owners.ownerOf(bucket, upload),
    element('StorageClass', upload.storageClass),
    checksumKind(upload),
    element('PartNumberMarker', marker),
    element('NextPartNumberMarker', parts.at(-1)?.number ?? 0),
    element('MaxParts', maxParts),
    element('IsTruncated', isTruncated),
    parts.map((part) => partEntry(part, ownChecksum(upload, part))),
  );
}

/** Above the highest part number nothing can follow. */
function partMarker(text: string | undefined): number {
  if (text === undefined || text === '') return 0;
  return Math.min(count('part-number-marker', text), maxPartNumber);
}

/** One checksum at most: clients send what they find here back in Complete, which takes no second one. */
function partEntry(part: Part, checksum: Checksum | undefined): Fragment {
  return element(
    'Part',
    element('PartNumber', part.number),
    element('LastModified', isoDate(part.modifiedMs)),
    element('ETag', quoted(part.etag)),
    element('Size', part.size),
    checksum && element(checksumElement(checksum.algorithm), checksum.value),
  );
}
