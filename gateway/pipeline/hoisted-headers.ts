/**
 * Headers that a presigned URL carries in its query. SDKs put every x-amz-* header there that they
 * can (the JavaScript SDK's presigner all but encryption), since who opens the URL sends none of
 * them; S3 takes them for the headers they stand for. Ignoring them would lose metadata, pass over
 * x-amz-expected-bucket-owner, and make an empty object of a presigned CopyObject.
 */
import type { Headers, Query } from '../operations/operation.ts';
import { checksumAlgorithms, checksumHeader, createDigest } from '../s3/checksums.ts';
import { invalidArgument } from '../s3/errors.ts';
import { headerName, trimBlanks, unsendable } from '../s3/headers.ts';

/** What the query of a presigned URL of version 2 stands for beside x-amz-* headers. */
const version2Names: ReadonlySet<string> = new Set(['content-md5', 'content-type']);

const hoistedPrefix = 'x-amz-';

/** Said of the transfer or the signature: the former only the sender knows, the latter is auth's. */
const neverHoisted: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-content-sha256',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-decoded-content-length',
  'x-amz-expires',
  'x-amz-sdk-checksum-algorithm',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-signedheaders',
  'x-amz-trailer',
]);

/**
 * Checksums of no bytes, by header: what the JavaScript SDK puts into the URL of an upload whose body it
 * does not know yet. They promise nothing (https://github.com/seaweedfs/seaweedfs/issues/10216); what we do
 * about them, and why, is in docs/CHECKSUMS.md.
 */
const checksumsOfNothing: ReadonlyMap<string, string> = new Map(
  checksumAlgorithms.map((algorithm) => [
    checksumHeader(algorithm),
    createDigest(algorithm).digest().toString('base64'),
  ]),
);

/**
 * The headers of a request with those of its presigned query; a header that was sent wins. Throws
 * InvalidArgument for a value that no header could have.
 */
export function withHoistedHeaders(headers: Headers, query: Query): Headers {
  // Version 2 signs all that is taken here: auth/authenticate-v2.ts.
  const isVersion2 = query.has('Signature') && query.has('AWSAccessKeyId');
  if (!query.has('X-Amz-Signature') && !isVersion2) return headers;
  const hoisted = new Map<string, string>();
  for (const [givenName, text] of query.entries) {
    const name = givenName.toLowerCase();
    const isOfVersion2 = isVersion2 && version2Names.has(name);
    const isHoisted = name.startsWith(hoistedPrefix) && headerName.test(name);
    if (!isHoisted && !isOfVersion2) continue;
    if (neverHoisted.has(name) || hoisted.has(name)) continue;
    if (headers.get(name) !== undefined) continue;
    // Header values are one character per byte.
    const value = trimBlanks(Buffer.from(text).toString('latin1'));
    if (checksumsOfNothing.get(name) === value) continue;
    if (unsendable.test(value)) throw invalidArgument(name, text);
    hoisted.set(name, value);
  }
  if (hoisted.size === 0) return headers;
  return {
    get: (name) => headers.get(name) ?? hoisted.get(name),
    withPrefix: (prefix) => [
      ...headers.withPrefix(prefix),
      ...[...hoisted].filter(([name]) => name.startsWith(prefix)),
    ],
  };
}
