/** ListObjects and ListObjectsV2: the same walk, answered in two forms. */
import type { Bucket, ListEnd, ListedObject } from '../namespace/namespace.ts';
import { ownerOf } from '../s3/acl.ts';
import { invalidArgument } from '../s3/errors.ts';
import { element, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, xmlListAnswer } from './answers.ts';
import { ListedLines, SharedMarkup, TimeToSize, tags } from './listed-lines.ts';
import type { S3Request, S3Response } from './operation.ts';
import {
  decodeToken,
  encodeToken,
  type NameBytesWriter,
  type NameWriter,
  nameWriter,
  pageSize,
} from './paging.ts';
import { loadedBucket } from './request.ts';

interface Listing {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly write: NameWriter;
  readonly encodingType: string | undefined;
  readonly page: ListEnd;
  readonly lines: ListedLines;
}

function list(
  request: S3Request,
  services: Services,
  after: string,
  owners: Owners | undefined,
): Listing {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const maxKeys = pageSize(query, 'max-keys');
  const { write, writeBytes, encodingType } = nameWriter(query);
  const bucket = loadedBucket(request);
  const lines = new Contents(writeBytes, bucket, owners);
  const walk = { prefix, delimiter, after, limit: maxKeys };
  const page = services.namespace.listObjects(bucket.id, walk, lines);
  return { prefix, delimiter, maxKeys, write, encodingType, page, lines };
}

export function listObjects(request: S3Request, services: Services): S3Response {
  const marker = request.query.get('marker') ?? '';
  const owners = new Owners(services.namespace);
  const listing = list(request, services, marker, owners);
  const { prefix, delimiter, maxKeys, write, encodingType, page } = listing;
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
  return xmlListAnswer('ListBucketResult', before, listing.lines);
}

export function listObjectsV2(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const listType = query.get('list-type') ?? '';
  if (listType !== '2') throw invalidArgument('list-type', listType);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const after = token === undefined || token === '' ? (startAfter ?? '') : decodeToken(token);
  const owners = query.get('fetch-owner') === 'true' ? new Owners(services.namespace) : undefined;
  const listing = list(request, services, after, owners);
  const { prefix, delimiter, maxKeys, write, encodingType, page } = listing;
  const before = [
    element('Name', request.bucket),
    element('Prefix', write(prefix)),
    startAfter === undefined ? undefined : element('StartAfter', write(startAfter)),
    optional('ContinuationToken', token),
    page.isTruncated ? element('NextContinuationToken', encodeToken(page.last)) : undefined,
    element('KeyCount', page.count),
    element('MaxKeys', maxKeys),
    delimiter === '' ? undefined : element('Delimiter', write(delimiter)),
    optional('EncodingType', encodingType),
    element('IsTruncated', page.isTruncated),
  ];
  return xmlListAnswer('ListBucketResult', before, listing.lines);
}

const opening = tags('<Contents><Key>');
const keyToSize = new TimeToSize('</Key><LastModified>');

/** `<Contents>` of every key. */
class Contents extends ListedLines {
  private readonly ownerIdOf: (line: ListedObject) => string | undefined;
  private readonly sizeToEnd: SharedMarkup<string | undefined, string>;

  /** @param owners undefined where they are not told */
  constructor(writeName: NameBytesWriter, bucket: Bucket, owners: Owners | undefined) {
    super(writeName);
    this.ownerIdOf = (line) => owners && ownerOf(bucket, line);
    this.sizeToEnd = new SharedMarkup((ownerId, storageClass) => {
      const owner = ownerId === undefined ? '' : owners?.element(ownerId).markup;
      return `</Size>${owner}${element('StorageClass', storageClass).markup}</Contents>`;
    });
  }

  object(line: ListedObject): void {
    const { lines } = this;
    lines.raw(opening);
    this.writeName(lines, line.key);
    keyToSize.write(lines, line);
    lines.integer(line.size);
    lines.raw(this.sizeToEnd.of(this.ownerIdOf(line), line.storageClass));
  }
}
