/**
 * From the bytes on the socket to the body an operation is promised: framing taken off, lengths and
 * payload hash held against the head, documents read whole and verified. An operation that reads a
 * stream to its end has all of that checked; one that stops early must not commit.
 */
import type { Authenticated } from '../auth/authenticate.ts';
import { verifyPayloadSha256 } from '../auth/payload.ts';
import type { BodyKind, Headers } from '../operations/operation.ts';
import { AwsChunkedDecoder } from '../s3/aws-chunked.ts';
import {
  announcedChecksum,
  announcedMd5,
  announcedTrailers,
  trailerChecksum,
  verifyChecksum,
  verifyMd5,
} from '../s3/checksum-headers.ts';
import { type ChecksumAlgorithm, DigestSet } from '../s3/checksums.ts';
import { invalidArgument, S3Error } from '../s3/errors.ts';
import type { RequestBody } from './request-body.ts';

export interface DecodedBody {
  readonly body: AsyncIterable<Buffer>;
  readonly document: Buffer;
  readonly decodedLength: number | undefined;
  readonly trailers: ReadonlyMap<string, string>;
  /** Body kind 'stream' whose hash is signed: its SHA-256, undefined before the body has ended. */
  readonly payloadSha256: (() => Buffer | undefined) | undefined;
}

export interface BodyInput {
  readonly kind: BodyKind;
  readonly headers: Headers;
  readonly raw: RequestBody;
  readonly authenticated: Authenticated;
  readonly maxDocumentBytes: number;
  /** x-amz-checksum-* headers speak of something else than the document (CompleteMultipartUpload). */
  readonly checksumsOfObject: boolean;
  /** The document must come with Content-MD5 or a checksum. */
  readonly requiresDigest: boolean;
}

const noBytes = Buffer.alloc(0);
const noTrailers: ReadonlyMap<string, string> = new Map();
export const noBody: DecodedBody = {
  body: { async *[Symbol.asyncIterator]() {} },
  document: noBytes,
  decodedLength: undefined,
  trailers: noTrailers,
  payloadSha256: undefined,
};

/** Lengths are judged at once; everything else while the body is read. Throws S3Error. */
export function decodeBody(input: BodyInput): DecodedBody | Promise<DecodedBody> {
  if (input.kind === 'none') return noBody;
  const stream = openStream(input);
  return input.kind === 'stream' ? stream : decodeDocument(input, stream);
}

async function decodeDocument(input: BodyInput, stream: DecodedBody): Promise<DecodedBody> {
  const document = await readDocument(input, stream);
  return { ...noBody, document, decodedLength: document.length, trailers: stream.trailers };
}

/** What refuses a body by its head alone, so that it can be said before 100 Continue. */
export function screenBody(input: Omit<BodyInput, 'raw'>): void {
  if (input.kind === 'none') return;
  const length = bodyLength(input);
  if (input.kind === 'xml' && length !== undefined && length > input.maxDocumentBytes) {
    throw documentTooLarge(input.maxDocumentBytes);
  }
  if (input.requiresDigest) requireDigest(input.headers);
}

/**
 * "The Content-MD5 request header is required for all Multi-Object Delete requests"; a checksum in
 * header or trailer counts as one (API_DeleteObjects). Throws InvalidRequest.
 */
function requireDigest(headers: Headers): void {
  if (announcedMd5(headers) !== undefined || announcedChecksum(headers) !== undefined) return;
  throw new S3Error('InvalidRequest', {
    message: 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
  });
}

function openStream(input: BodyInput): DecodedBody {
  const { authenticated, headers, raw } = input;
  const { payload } = authenticated;
  const decodedLength = bodyLength(input);
  if (payload.kind === 'unsigned') return opened(raw, decodedLength);
  if (payload.kind === 'sha256') {
    let digest: Buffer | undefined;
    const body = verifyPayloadSha256(raw, payload.sha256, (computed) => {
      digest = computed;
    });
    return opened(body, decodedLength, noTrailers, () => digest);
  }
  const decoder = new AwsChunkedDecoder({
    ...(authenticated.kind === 'signed' && authenticated.chunkSigner !== undefined
      ? { verifier: authenticated.chunkSigner }
      : {}),
    ...(payload.kind === 'streaming-signed' ? {} : { trailers: announcedTrailers(headers) }),
    ...(decodedLength === undefined ? {} : { decodedLength }),
  });
  return opened(unframed(raw, decoder), decodedLength, decoder.trailers);
}

/** In one place: every upload has one, and they shall have one shape. */
function opened(
  body: AsyncIterable<Buffer>,
  decodedLength: number | undefined,
  trailers = noTrailers,
  payloadSha256?: () => Buffer | undefined,
): DecodedBody {
  return { body, document: noBytes, decodedLength, trailers, payloadSha256 };
}

async function* unframed(
  raw: RequestBody,
  decoder: AwsChunkedDecoder,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of raw) yield* decoder.push(piece);
  decoder.finish();
}

/**
 * Bytes of the body without framing, as the head tells it. Throws MissingContentLength: a plain
 * object needs Content-Length, and a framed one needs its decoded length unless its own length is
 * open too (Transfer-Encoding: chunked; botocore's uploads of unknown length over https).
 */
function bodyLength(input: Omit<BodyInput, 'raw'>): number | undefined {
  const { headers, kind } = input;
  const isFramed = input.authenticated.payload.kind.startsWith('streaming-');
  const contentLength = lengthHeader(headers, 'content-length');
  if (isFramed) {
    const decoded = lengthHeader(headers, 'x-amz-decoded-content-length');
    if (decoded === undefined && headers.get('transfer-encoding') === undefined) {
      throw new S3Error('MissingContentLength');
    }
    return decoded;
  }
  if (contentLength === undefined && kind === 'stream') throw new S3Error('MissingContentLength');
  return contentLength;
}

function lengthHeader(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,15}$/.test(text)) throw invalidArgument(name, text);
  return Number(text);
}

async function readDocument(input: BodyInput, stream: DecodedBody): Promise<Buffer> {
  const { headers, maxDocumentBytes } = input;
  const md5 = announcedMd5(headers);
  const checksum = input.checksumsOfObject ? undefined : announcedChecksum(headers);
  const names: ChecksumAlgorithm[] = md5 === undefined ? [] : ['MD5'];
  if (checksum !== undefined) names.push(checksum.algorithm);
  const digests = new DigestSet(names);
  // Not a list of pieces: HTTP chunks of a byte would take hundreds of times their size.
  let document: Buffer = noBytes;
  let length = 0;
  if (input.raw.isAnnounced) {
    for await (const piece of stream.body) {
      digests.update(piece);
      if (digests.length > maxDocumentBytes) throw documentTooLarge(maxDocumentBytes);
      document = withRoom(document, length, piece.length);
      length += piece.copy(document, length);
    }
  } else {
    await verifyNothingSigned(input);
  }
  if (md5 !== undefined) verifyMd5(md5, digests.digest('MD5') ?? noBytes);
  if (checksum !== undefined) {
    const { algorithm } = checksum;
    const expected = checksum.expected ?? trailerChecksum(algorithm, stream.trailers);
    verifyChecksum(algorithm, expected, digests.digest(algorithm) ?? noBytes);
  }
  return document.subarray(0, length);
}

/** The buffer, or a larger one that begins with its first `used` bytes. */
function withRoom(buffer: Buffer, used: number, wanted: number): Buffer {
  if (used + wanted <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.max(used + wanted, 2 * buffer.length));
  buffer.copy(larger, 0, 0, used);
  return larger;
}

/** A document that was taken off on its way is not the empty one that arrives. */
async function verifyNothingSigned({ authenticated: { payload } }: BodyInput): Promise<void> {
  if (payload.kind !== 'sha256') return;
  for await (const _piece of verifyPayloadSha256(noBody.body, payload.sha256));
}

function documentTooLarge(maxBytes: number): S3Error {
  return new S3Error('MaxMessageLengthExceeded', {
    fields: { MaxMessageLengthBytes: String(maxBytes) },
  });
}
