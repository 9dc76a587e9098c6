/** ListObjectVersions: every version and delete marker of every key, newest first. */
import type { Bucket, ListedObject } from '../namespace/namespace.ts';
import { ownerOf } from '../s3/acl.ts';
import { DatedMarkup } from '../s3/dated-markup.ts';
import { invalidArgument } from '../s3/errors.ts';
import { element, optional } from '../s3/xml.ts';
import type { Services } from '../services.ts';
import { Owners, xmlListAnswer } from './answers.ts';
import { ListedLines, SharedMarkup, TimeToSize, tags } from './listed-lines.ts';
import type { S3Request, S3Response } from './operation.ts';
import { type NameBytesWriter, nameWriter, pageSize } from './paging.ts';
import { loadedBucket } from './request.ts';

export function listObjectVersions(request: S3Request, services: Services): S3Response {
  const { query } = request;
  const { namespace } = services;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const keyMarker = query.get('key-marker') ?? '';
  const versionIdMarker = query.get('version-id-marker') ?? '';
  const maxKeys = pageSize(query, 'max-keys');
  const { write, writeBytes, encodingType } = nameWriter(query);
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
  const lines = new Versions(writeBytes, bucket, new Owners(namespace));
  const walk = {
    prefix,
    delimiter,
    after: keyMarker,
    afterVersionId: versionIdMarker,
    limit: maxKeys,
  };
  const page = namespace.listVersions(bucket.id, walk, lines);
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
  return xmlListAnswer('ListVersionsResult', before, lines);
}

const versionOpening = tags('<Version><Key>');
const markerOpening = tags('<DeleteMarker><Key>');
const keyToVersionId = tags('</Key><VersionId>');
const timeOpening = (isLatest: boolean) =>
  `</VersionId><IsLatest>${isLatest}</IsLatest><LastModified>`;
const latestToSize = new TimeToSize(timeOpening(true));
const olderToSize = new TimeToSize(timeOpening(false));
const latestMarkerToOwner = new DatedMarkup(timeOpening(true), '</LastModified>');
const olderMarkerToOwner = new DatedMarkup(timeOpening(false), '</LastModified>');

/** `<Version>` or `<DeleteMarker>` of every version. */
class Versions extends ListedLines {
  private readonly bucket: Bucket;
  private readonly sizeToEnd: SharedMarkup<string, string>;
  private readonly ownerToEnd: SharedMarkup<string>;

  constructor(writeName: NameBytesWriter, bucket: Bucket, owners: Owners) {
    super(writeName);
    this.bucket = bucket;
    this.sizeToEnd = new SharedMarkup((ownerId, storageClass) => {
      const { markup } = element('StorageClass', storageClass);
      return `</Size>${markup}${owners.element(ownerId).markup}</Version>`;
    });
    this.ownerToEnd = new SharedMarkup(
      (ownerId) => `${owners.element(ownerId).markup}</DeleteMarker>`,
    );
  }

  object(line: ListedObject): void {
    const { lines } = this;
    const ownerId = ownerOf(this.bucket, line);
    lines.raw(line.isDeleteMarker ? markerOpening : versionOpening);
    this.writeName(lines, line.key);
    lines.raw(keyToVersionId);
    lines.utf8(line.versionId);
    if (line.isDeleteMarker) {
      const toOwner = line.isLatest ? latestMarkerToOwner : olderMarkerToOwner;
      lines.raw(toOwner.of(line.modifiedMs));
      lines.raw(this.ownerToEnd.of(ownerId));
      return;
    }
    (line.isLatest ? latestToSize : olderToSize).write(lines, line);
    lines.integer(line.size);
    lines.raw(this.sizeToEnd.of(ownerId, line.storageClass));
  }
}
