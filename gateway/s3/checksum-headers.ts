/**
 * Which checksum a request announces, and the answers where it is wrong. Messages are those of AWS.
 * Source: Amazon S3 API Reference, PutObject and CreateMultipartUpload, headers x-amz-checksum-*,
 * x-amz-sdk-checksum-algorithm and x-amz-trailer.
 */
import { timingSafeEqual } from 'node:crypto';
import {
  allowsChecksumType,
  type ChecksumAlgorithm,
  type ChecksumType,
  checksumAlgorithm,
  checksumAlgorithms,
  checksumHeader,
  decodeDigest,
  defaultChecksumType,
} from './checksums.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { HeaderReader } from './headers.ts';

const prefix = 'x-amz-checksum-';
const noNames: readonly string[] = [];
/** Headers with the same prefix that are no checksums. */
const otherHeaders: ReadonlySet<string> = new Set([
  'x-amz-checksum-algorithm',
  'x-amz-checksum-mode',
  'x-amz-checksum-type',
]);

export interface AnnouncedChecksum {
  readonly algorithm: ChecksumAlgorithm;
  /** The expected digest; undefined where it comes in a trailer. */
  readonly expected: Buffer | undefined;
}

/**
 * The checksum of the body that the request announces, as header or as trailer; undefined for none.
 * Throws InvalidRequest for two of them, an unknown algorithm, a malformed value, or an
 * x-amz-sdk-checksum-algorithm that nothing follows.
 */
export function announcedChecksum(headers: HeaderReader): AnnouncedChecksum | undefined {
  const inHeader = checksumHeaders(headers);
  const inTrailer = announcedTrailers(headers).filter((name) => name.startsWith(prefix));
  if (inHeader.length + inTrailer.length > 1) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const announced =
    fromHeader(inHeader[0]) ??
    (inTrailer[0] === undefined ? undefined : fromTrailerName(inTrailer[0]));
  checkSdkAlgorithm(headers.get('x-amz-sdk-checksum-algorithm'), announced);
  return announced;
}

/** Names in x-amz-trailer, in lower case. */
export function announcedTrailers(headers: HeaderReader): readonly string[] {
  const trailers = headers.get('x-amz-trailer');
  if (trailers === undefined) return noNames;
  const names = trailers.split(',');
  return names.map((name) => name.trim().toLowerCase()).filter((name) => name !== '');
}

/**
 * The whole object's checksum in CompleteMultipartUpload: base64, with `-N` behind it where it is
 * composite. Throws InvalidRequest as `announcedChecksum` does.
 */
export function announcedObjectChecksum(
  headers: HeaderReader,
): { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined {
  const [first, second] = checksumHeaders(headers);
  if (first === undefined) return undefined;
  if (second !== undefined) {
    throw invalidRequest(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const [name, value] = first;
  const algorithm = algorithmOfHeader(name);
  // A CRC64NVME is never of parts, so nothing may stand behind it.
  const base64 = algorithm === 'CRC64NVME' ? value : value.replace(/-[1-9][0-9]{0,4}$/, '');
  if (decodeDigest(algorithm, base64) === undefined) throw invalidValue(name);
  return { algorithm, value };
}

/** x-amz-checksum-algorithm of CopyObject. Throws InvalidRequest for one that S3 does not know. */
export function requestedAlgorithm(headers: HeaderReader): ChecksumAlgorithm | undefined {
  const name = headers.get('x-amz-checksum-algorithm');
  if (name === undefined) return undefined;
  const algorithm = checksumAlgorithm(name);
  if (algorithm !== undefined) return algorithm;
  throw invalidRequest(
    `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumAlgorithms.join(', ')}]`,
  );
}

/** x-amz-checksum-type. Throws InvalidRequest for one that S3 does not know. */
export function requestedType(headers: HeaderReader): ChecksumType | undefined {
  const type = headers.get('x-amz-checksum-type')?.toUpperCase();
  if (type === undefined || type === 'FULL_OBJECT' || type === 'COMPOSITE') return type;
  throw invalidValue('x-amz-checksum-type');
}

/** Both of them, for CreateMultipartUpload; undefined where there is neither. Throws InvalidRequest. */
export function requestedChecksum(
  headers: HeaderReader,
): { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | undefined {
  const type = requestedType(headers);
  const algorithm = requestedAlgorithm(headers);
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    throw invalidRequest(
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  if (type === undefined) return { algorithm, type: defaultChecksumType(algorithm) };
  if (!allowsChecksumType(algorithm, type)) {
    throw invalidRequest(
      `The ${type} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
    );
  }
  return { algorithm, type };
}

/**
 * The expected digest from the trailers of a body that has ended. Throws MalformedTrailerError where
 * it did not come, InvalidRequest where it is malformed.
 */
export function trailerChecksum(
  algorithm: ChecksumAlgorithm,
  trailers: ReadonlyMap<string, string>,
): Buffer {
  const name = checksumHeader(algorithm);
  const value = trailers.get(name);
  if (value === undefined) throw new S3Error('MalformedTrailerError');
  const expected = decodeDigest(algorithm, value);
  if (expected === undefined) {
    throw invalidRequest(`Value for ${name} trailing header is invalid.`);
  }
  return expected;
}

/**
 * The one checksum of a part that CompleteMultipartUpload names, from all that its element holds, by
 * algorithm. Throws InvalidArgument for several, and for a value of the wrong form.
 */
export function namedPartChecksum(
  given: readonly { readonly algorithm: ChecksumAlgorithm; readonly value: string }[],
): { readonly algorithm: ChecksumAlgorithm; readonly value: string } | undefined {
  const [first, second] = given;
  if (first === undefined) return undefined;
  if (second === undefined && decodeDigest(first.algorithm, first.value) !== undefined)
    return first;
  const values = given.map(({ algorithm, value }) => `${algorithm}:${value};`).join('');
  throw invalidArgument(
    'Checksum',
    second === undefined ? first.value : values,
    'Invalid Base64 or multiple checksums present in request',
  );
}

/** x-amz-mp-object-size: what the parts must add up to. Throws InvalidRequest. */
export function announcedObjectSize(headers: HeaderReader): number | undefined {
  const text = headers.get('x-amz-mp-object-size')?.trim();
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const what = /^-\d+$/.test(text) ? 'less than zero' : 'invalid';
  throw invalidRequest(`Value for x-amz-mp-object-size header is ${what}: '${text}'`);
}

/** Another algorithm than that of the upload, on a part or on the whole object. */
export function otherAlgorithm(expected: ChecksumAlgorithm, actual: ChecksumAlgorithm): S3Error {
  return invalidRequest(
    `Checksum Type mismatch occurred, expected checksum Type: ${expected.toLowerCase()}, actual checksum Type: ${actual.toLowerCase()}`,
  );
}

/** Throws BadDigest where the body's digest is not the announced one. */
export function verifyChecksum(
  algorithm: ChecksumAlgorithm,
  expected: Buffer,
  calculated: Buffer,
): void {
  if (!equal(expected, calculated)) throw wrongChecksum(algorithm);
}

export function wrongChecksum(algorithm: ChecksumAlgorithm): S3Error {
  return new S3Error('BadDigest', {
    message: `The ${algorithm} you specified did not match the calculated checksum.`,
  });
}

/** The digest in Content-MD5, undefined where the header is absent. Throws InvalidDigest. */
export function announcedMd5(headers: HeaderReader): Buffer | undefined {
  const value = headers.get('content-md5');
  if (value === undefined) return undefined;
  const expected = decodeDigest('MD5', value);
  if (expected === undefined) {
    throw new S3Error('InvalidDigest', { fields: { 'Content-MD5': value } });
  }
  return expected;
}

/** Throws BadDigest where the body's MD5 is not that of Content-MD5. */
export function verifyMd5(expected: Buffer, calculated: Buffer): void {
  if (equal(expected, calculated)) return;
  throw new S3Error('BadDigest', {
    fields: {
      ExpectedDigest: expected.toString('base64'),
      CalculatedDigest: calculated.toString('base64'),
    },
  });
}

function checksumHeaders(headers: HeaderReader): (readonly [string, string])[] {
  return headers.withPrefix(prefix).filter(([name]) => !otherHeaders.has(name));
}

function fromHeader(header: readonly [string, string] | undefined): AnnouncedChecksum | undefined {
  if (header === undefined) return undefined;
  const [name, value] = header;
  const algorithm = algorithmOfHeader(name);
  const expected = decodeDigest(algorithm, value.trim());
  if (expected === undefined) throw invalidValue(name);
  return { algorithm, expected };
}

function fromTrailerName(name: string): AnnouncedChecksum {
  const algorithm = checksumAlgorithm(name.slice(prefix.length));
  if (algorithm === undefined) {
    throw invalidRequest('The value specified in the x-amz-trailer header is not supported');
  }
  return { algorithm, expected: undefined };
}

function algorithmOfHeader(name: string): ChecksumAlgorithm {
  const algorithm = checksumAlgorithm(name.slice(prefix.length));
  if (algorithm === undefined) {
    throw invalidRequest('The algorithm type you specified in x-amz-checksum- header is invalid.');
  }
  return algorithm;
}

function checkSdkAlgorithm(
  name: string | undefined,
  announced: AnnouncedChecksum | undefined,
): void {
  if (name === undefined) return;
  const algorithm = checksumAlgorithm(name);
  if (algorithm === undefined) throw invalidValue('x-amz-sdk-checksum-algorithm');
  if (announced === undefined) {
    throw invalidRequest(
      'x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.',
    );
  }
  if (announced.algorithm !== algorithm) throw invalidValue('x-amz-sdk-checksum-algorithm');
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function invalidRequest(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}

function invalidValue(header: string): S3Error {
  return invalidRequest(`Value for ${header} header is invalid.`);
}
