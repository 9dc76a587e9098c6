/** ListObjects and ListObjectsV2: the same walk, answered in two forms. */
import type { ListedObject, ListPage } from '../namespace/namespace.ts';
import { isoDate } from '../s3/dates.ts';
import { invalidArgument } from '../s3/errors.ts';
import { elementsOf, MarkupBytes, quotedField } from '../s3/markup-bytes.ts';
import { element, type Fragment, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, xmlListAnswer } from './answers.ts';
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
  const before = [
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
  ];
  const lines = contents(page.items, write, (item) => owners.ownerOf(bucket, item));
  return xmlListAnswer('ListBucketResult', before, lines, commonPrefixes(page, write));
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
  const before = [
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
  ];
  const lines = contents(page.items, write, (item) => owners?.ownerOf(bucket, item));
  return xmlListAnswer('ListBucketResult', before, lines, commonPrefixes(page, write));
}

/** Which checksum an object has is told in lists; its value by HEAD and GetObjectAttributes. */
const contentsOf = elementsOf(
  'Contents',
  'Key',
  'LastModified',
  quotedField('ETag'),
  'ChecksumAlgorithm',
  'ChecksumType',
  'Size',
  'Owner',
  'StorageClass',
);

function contents(
  items: readonly ListedObject[],
  write: NameWriter,
  ownerOf: (item: ListedObject) => Fragment | undefined,
): MarkupBytes {
  const lines = new MarkupBytes();
  for (const item of items) {
    const line = contentsOf(
      write(item.key),
      isoDate(item.modifiedMs),
      item.etag,
      item.checksum?.algorithm,
      item.checksum?.type,
      item.size,
      ownerOf(item),
      item.storageClass,
    );
    lines.add(line);
  }
  return lines;
}

export function commonPrefixes(
  page: Pick<ListPage<unknown>, 'commonPrefixes'>,
  write: NameWriter,
): Fragment[] {
  return page.commonPrefixes.map((prefix) =>
    element('CommonPrefixes', element('Prefix', write(prefix))),
  );
}
