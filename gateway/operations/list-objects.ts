/** ListObjects and ListObjectsV2: the same walk, answered in two forms. */
import type { ListedObject, ListPage } from '../namespace/namespace.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, quoted, xmlAnswer } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { decodeToken, encodeToken, type NameWriter, nameWriter, pageSize } from './paging.ts';
import { loadedBucket } from './request.ts';

interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly write: NameWriter;
  readonly encodingType: string | undefined;
  readonly page: ListPage<ListedObject>;
}

function list(request: S3Request, services: Services, after: string): Listing {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = pageSize(query, 'max-keys');
  const { write, encodingType } = nameWriter(query);
  const walk = { prefix, delimiter, after, limit: maxKeys };
  const page = services.namespace.listObjects(loadedBucket(request).id, walk);
  return { prefix, delimiter, maxKeys, write, encodingType, page };
}

export function listObjects(request: S3Request, services: Services): S3Response {
  const marker = request.query.get('marker') ?? '';
  const { prefix, delimiter, maxKeys, write, encodingType, page } = list(request, services, marker);
  const bucket = loadedBucket(request);
  const owners = new Owners(services.namespace);
  return xmlAnswer(
    'ListBucketResult',
    element('Name', request.bucket),
    // Never encoded in this form of the list, and botocore does not decode it here (it does in V2).
    element('Prefix', prefix),
    element('Marker', write(marker)),
    // Without a delimiter clients go on from the last key (API_ListObjects, NextMarker).
    page.isTruncated && delimiter !== '' ? element('NextMarker', write(page.last)) : undefined,
    element('MaxKeys', maxKeys),
    delimiter === '' ? undefined : element('Delimiter', write(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', page.isTruncated),
    page.items.map((item) => contents(item, write, owners.ownerOf(bucket, item))),
    commonPrefixes(page.commonPrefixes, write),
  );
}

export function listObjectsV2(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const listType = query.get('list-type') ?? '';
  if (listType !== '2') throw invalidArgument('list-type', listType);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const after = token === undefined || token === '' ? (startAfter ?? '') : decodeToken(token);
  const { prefix, delimiter, maxKeys, write, encodingType, page } = list(request, services, after);
  const bucket = loadedBucket(request);
  const owners = query.get('fetch-owner') === 'true' ? new Owners(services.namespace) : undefined;
  return xmlAnswer(
    'ListBucketResult',
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    startAfter === undefined ? undefined : element('StartAfter', write(startAfter)),
    optional('ContinuationToken', token),
    page.isTruncated ? element('NextContinuationToken', encodeToken(page.last)) : undefined,
    element('KeyCount', page.items.length + page.commonPrefixes.length),
    element('MaxKeys', maxKeys),
    delimiter === '' ? undefined : element('Delimiter', write(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', page.isTruncated),
    page.items.map((item) => contents(item, write, owners?.ownerOf(bucket, item))),
    commonPrefixes(page.commonPrefixes, write),
  );
}

function contents(item: ListedObject, write: NameWriter, owner: Fragment | undefined): Fragment {
  return element(
    'Contents',
    element('Key', write(item.key)),
    element('LastModified', isoDate(item.modifiedMs)),
    element('ETag', quoted(item.etag)),
    checksumKind(item),
    element('Size', item.size),
    owner,
    element('StorageClass', item.storageClass),
  );
}

/** Which checksum an object has, in lists; its value is answered by HEAD and GetObjectAttributes. */
export function checksumKind(item: Pick<ListedObject, 'checksum'>): Fragment[] {
  if (item.checksum === undefined) return [];
  return [
    element('ChecksumAlgorithm', item.checksum.algorithm),
    element('ChecksumType', item.checksum.type),
  ];
}

export function commonPrefixes(prefixes: readonly string[], write: NameWriter): Fragment[] {
  return prefixes.map((prefix) => element('CommonPrefixes', element('Prefix', write(prefix))));
}
