/** ListObjectVersions: every version and delete marker of every key, newest first. */
import type { ListedObject } from '../namespace/namespace.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { elementsOf, MarkupBytes, quotedField } from '../s3/markup-bytes.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, xmlListAnswer } from './answers.ts';
import { commonPrefixes } from './list-objects.ts';
import type { S3Request, S3Response } from './operation.ts';
import { type NameWriter, nameWriter, pageSize } from './paging.ts';
import { loadedBucket } from './request.ts';

export function listObjectVersions(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const { namespace } = services;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionIdMarker = query.get('version-id-marker') ?? '';
  const maxKeys = pageSize(query, 'max-keys');
  const { write, encodingType } = nameWriter(query);
  if (versionIdMarker !== '') {
    if (keyMarker === '') {
      throw invalidArgument(
        'version-id-marker',
        versionIdMarker,
        'A version-id marker cannot be specified without a key marker.',
      );
    }
    if (!namespace.isVersionId(versionIdMarker)) {
      throw invalidArgument('version-id-marker', versionIdMarker, 'Invalid version id specified');
    }
  }
  const bucket = loadedBucket(request);
  const page = namespace.listVersions(bucket.id, {
    prefix,
    delimiter,
    after: keyMarker,
    afterVersionId: versionIdMarker,
    limit: maxKeys,
  });
  const owners = new Owners(namespace);
  const before = [
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    element('KeyMarker', write(keyMarker)),
    element('VersionIdMarker', versionIdMarker),
    page.isTruncated ? element('NextKeyMarker', write(page.last)) : undefined,
    page.isTruncated ? element('NextVersionIdMarker', page.lastVersionId) : undefined,
    element('MaxKeys', maxKeys),
    delimiter === '' ? undefined : element('Delimiter', write(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', page.isTruncated),
  ];
  const lines = new MarkupBytes();
  for (const item of page.items) lines.add(entry(item, write, owners.ownerOf(bucket, item)));
  return xmlListAnswer('ListVersionsResult', before, lines, commonPrefixes(page, write));
}

const lineFields = ['Key', 'VersionId', 'IsLatest', 'LastModified'] as const;
const markerOf = elementsOf('DeleteMarker', ...lineFields, 'Owner');
const versionOf = elementsOf(
  'Version',
  ...lineFields,
  quotedField('ETag'),
  'ChecksumAlgorithm',
  'ChecksumType',
  'Size',
  'StorageClass',
  'Owner',
);

function entry(item: ListedObject, write: NameWriter, owner: Fragment): Fragment {
  const { versionId, isLatest } = item;
  const key = write(item.key);
  const modified = isoDate(item.modifiedMs);
  if (item.isDeleteMarker) return markerOf(key, versionId, isLatest, modified, owner);
  return versionOf(
    key,
    versionId,
    isLatest,
    modified,
    item.etag,
    item.checksum?.algorithm,
    item.checksum?.type,
    item.size,
    item.storageClass,
    owner,
  );
}
