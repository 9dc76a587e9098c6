/** GetObject and HeadObject: the same decisions, with and without the bytes. */
import type { ReadLease } from '../../blobseer-client/index.ts';
import type { Bucket, Checksum, Namespace, ObjectVersion } from '../namespace/namespace.ts';
import { findVersion } from '../objects/find.ts';
import { layoutOf } from '../objects/layout.ts';
import { maxPartNumber } from '../objects/limits.ts';
import { readExtents } from '../objects/read.ts';
import { checksumHeader } from '../s3/checksums.ts';
import { checkRead } from '../s3/conditions.ts';
import { httpDate } from '../s3/dates.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';
import { metadataHeaders } from '../s3/metadata.ts';
import { checkKey } from '../s3/names.ts';
import { defaultContentType, responseOverrides, storageClassHeader } from '../s3/object-headers.ts';
import { contentRange, parseRange } from '../s3/ranges.ts';
import type { Services } from '../services.ts';
import { noHeaders, quoted, versionHeader } from './answers.ts';
import type { S3Request, S3Response } from './operation.ts';
import { loadedBucket, lookOf, requesterId } from './request.ts';
import { refuseUnsupported } from './unsupported.ts';

type HeaderRecord = Readonly<Record<string, string>>;

/** The bytes that are answered, and the headers that follow from the choice. */
interface Selection {
  readonly status: 200 | 206;
  readonly offset: number;
  readonly length: number;
  readonly headers: HeaderRecord;
  readonly checksum: Checksum | undefined;
}

interface Found {
  readonly version: ObjectVersion;
  readonly selection: Selection;
  readonly headers: HeaderRecord;
}

export function getObject(request: S3Request, services: Services): S3Response {
  const { blobseer, namespace } = services;
  const bucket = loadedBucket(request);
  const lease = blobseer.beginRead();
  return releasing(lease, () => {
    const { version, selection, headers } = find(request, namespace, bucket);
    const body = readExtents(blobseer, layoutOf(namespace, bucket, version).extents, {
      range: selection,
      lease,
      caller: request,
    });
    return { status: selection.status, headers, body };
  });
}

export function headObject(request: S3Request, services: Services): S3Response {
  const { namespace } = services;
  const { selection, headers } = find(request, namespace, loadedBucket(request));
  return { status: selection.status, headers };
}

/** `work` hands the lease on; only its failure gives it back here. */
function releasing<T>(lease: ReadLease, work: () => T): T {
  try {
    return work();
  } catch (error) {
    lease.release();
    throw error;
  }
}

function find(request: S3Request, namespace: Namespace, bucket: Bucket): Found {
  const { headers, query, key } = request;
  checkKey(key);
  refuseUnsupported(headers);
  const overrides = responseOverrides(query);
  if (request.identity === undefined && hasAny(overrides)) {
    throw new S3Error('InvalidRequest', {
      message: 'Request specific response headers cannot be used for anonymous GET requests.',
    });
  }
  const version = findVersion(namespace, lookOf(request, bucket), key, query.get('versionId'));
  const ownVersion = versionHeader(bucket, version.versionId);
  // Not a literal with spreads in it: each of those is an object of a shape that no other has.
  const answered: MutableHeaders = { 'content-type': defaultContentType };
  addAll(answered, version.headers.system);
  addAll(answered, overrides);
  checkRead(headers, version, () => ({ ...ownVersion, ...ofUnchanged(answered) }));
  const selection = select(request, namespace, bucket, version);
  addAll(answered, metadataHeaders(version.headers.user));
  answered.ETag = quoted(version.etag);
  answered['Last-Modified'] = httpDate(version.modifiedMs);
  answered['Accept-Ranges'] = 'bytes';
  addAll(answered, ownVersion);
  addAll(answered, storageClassHeader(version.storageClass));
  // Told to those who may read the tags (API_GetObject).
  if (requesterId(request) === bucket.ownerId) addAll(answered, tagCount(version));
  addAll(answered, selection.headers);
  addAll(answered, checksumHeaders(request, version, selection.checksum));
  answered['Content-Length'] = String(selection.length);
  return { version, selection, headers: answered };
}

type MutableHeaders = Record<string, string>;

function addAll(headers: MutableHeaders, added: HeaderRecord): void {
  for (const name in added) headers[name] = added[name] ?? '';
}

/** What a cache is told again with 304, so that it can go on by it (RFC 9110 section 15.4.5). */
function ofUnchanged(kept: HeaderRecord): HeaderRecord {
  const told = ['cache-control', 'expires'];
  return Object.fromEntries(Object.entries(kept).filter(([name]) => told.includes(name)));
}

function tagCount({ tags }: ObjectVersion): HeaderRecord {
  if (tags === undefined) return noHeaders;
  const count = Object.keys(tags).length;
  return count === 0 ? noHeaders : { 'x-amz-tagging-count': String(count) };
}

function hasAny(record: HeaderRecord): boolean {
  for (const _name in record) return true;
  return false;
}

/** The type is the object's, also beside the checksum of one of its parts. */
function checksumHeaders(
  request: S3Request,
  version: ObjectVersion,
  checksum: Checksum | undefined,
): HeaderRecord {
  if (checksum === undefined) return noHeaders;
  if (request.headers.get('x-amz-checksum-mode')?.toUpperCase() !== 'ENABLED') return noHeaders;
  return {
    [checksumHeader(checksum.algorithm)]: checksum.value,
    'x-amz-checksum-type': version.checksum?.type ?? checksum.type,
  };
}

function select(
  request: S3Request,
  namespace: Namespace,
  bucket: Bucket,
  version: ObjectVersion,
): Selection {
  const { headers, query } = request;
  const rangeHeader = headers.get('range');
  const partNumber = query.get('partNumber');
  if (partNumber !== undefined) {
    if (rangeHeader !== undefined) {
      throw new S3Error('InvalidRequest', {
        message: 'Cannot specify both Range header and partNumber query parameter',
      });
    }
    return selectPart(namespace, bucket, version, parsePartNumber(partNumber));
  }
  const range = parseRange(rangeHeader, version.size);
  if (range === undefined) return whole(version);
  return {
    status: 206,
    offset: range.start,
    length: range.length,
    headers: { 'Content-Range': contentRange(range, version.size) },
    // A checksum of the whole beside a part of it makes clients throw.
    checksum: undefined,
  };
}

function whole({ size, checksum }: ObjectVersion): Selection {
  return { status: 200, offset: 0, length: size, headers: noHeaders, checksum };
}

export function parsePartNumber(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= maxPartNumber) return number;
  throw invalidArgument(
    'partNumber',
    text,
    `Part number must be an integer between 1 and ${maxPartNumber}, inclusive`,
  );
}

/** An object that came in one piece has one part: itself. */
function selectPart(
  namespace: Namespace,
  bucket: Bucket,
  version: ObjectVersion,
  wanted: number,
): Selection {
  const { size, partCount } = version;
  if (partCount === 0) {
    if (wanted !== 1) throw invalidPartNumber(wanted, 1);
    return size === 0 ? whole(version) : part(version, 0, size, version.checksum, {});
  }
  const headers = { 'x-amz-mp-parts-count': String(partCount) };
  let offset = 0;
  for (const { number, size: length, checksum } of layoutOf(namespace, bucket, version).parts) {
    if (number === wanted) return part(version, offset, length, checksum, headers);
    offset += length;
  }
  throw invalidPartNumber(wanted, partCount);
}

function part(
  { size }: ObjectVersion,
  offset: number,
  length: number,
  checksum: Checksum | undefined,
  headers: HeaderRecord,
): Selection {
  const range = { start: offset, end: offset + length - 1, length };
  return {
    status: 206,
    offset,
    length,
    headers: { ...headers, ...(length > 0 && { 'Content-Range': contentRange(range, size) }) },
    checksum,
  };
}

function invalidPartNumber(wanted: number, partCount: number): S3Error {
  return new S3Error('InvalidPartNumber', {
    fields: { PartNumberRequested: String(wanted), ActualPartCount: String(partCount) },
  });
}
