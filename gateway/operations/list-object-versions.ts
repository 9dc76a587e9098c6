/** ListObjectVersions: every version and delete marker of every key, newest first. */
import type { ListedObject } from '../namespace/namespace.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, quoted, xmlAnswer } from './answers.ts';
import { checksumKind, commonPrefixes } from './list-objects.ts';
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
  return xmlAnswer(
    'ListVersionsResult',
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
    page.items.map((item) => entry(item, write, owners.ownerOf(bucket, item))),
    commonPrefixes(page.commonPrefixes, write),
  );
}

function entry(item: ListedObject, write: NameWriter, owner: Fragment): Fragment {
  return element(
    item.isDeleteMarker ? 'DeleteMarker' : 'Version',
    element('Key', write(item.key)),
    element('VersionId', item.versionId),
    element('IsLatest', item.isLatest),
    element('LastModified', isoDate(item.modifiedMs)),
    item.isDeleteMarker
      ? []
      : [
          element('ETag', quoted(item.etag)),
          ...checksumKind(item),
          element('Size', item.size),
          element('StorageClass', item.storageClass),
        ],
    owner,
  );
}
