/**
 * What x-amz-content-sha256 promises about a body, and the check of a whole-body SHA-256 while the
 * body streams by. (Signed chunks are checked by the chunk decoder with a ChunkSigner.)
 */
import { createHash } from 'node:crypto';
import { invalidArgument, notImplemented, S3Error } from '../s3/errors.ts';
import { unsignedPayload } from './sigv4.ts';

export type PayloadKind =
  /** Nothing is promised: UNSIGNED-PAYLOAD, or a request without a signature. */
  | { readonly kind: 'unsigned' }
  /** The whole body's SHA-256, hex in lower case. */
  | { readonly kind: 'sha256'; readonly sha256: string }
  /** aws-chunked, every chunk signed. */
  | { readonly kind: 'streaming-signed' }
  /** aws-chunked, every chunk and the trailer signed. */
  | { readonly kind: 'streaming-signed-trailer' }
  /** aws-chunked with a trailer, nothing signed. */
  | { readonly kind: 'streaming-unsigned-trailer' };

const words: ReadonlyMap<string, PayloadKind> = new Map([
  [unsignedPayload, { kind: 'unsigned' }],
  ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', { kind: 'streaming-unsigned-trailer' }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { kind: 'streaming-signed' }],
  ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', { kind: 'streaming-signed-trailer' }],
]);

/** SigV4A, which S3 knows and this gateway does not. */
const asymmetricWords: ReadonlySet<string> = new Set([
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD',
  'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER',
]);

const sha256Hex = /^[0-9a-fA-F]{64}$/;

/** Throws S3Error: InvalidArgument for a value that is none of S3's, NotImplemented for SigV4A's. */
export function parsePayloadHash(value: string): PayloadKind {
  const word = words.get(value);
  if (word !== undefined) return word;
  if (sha256Hex.test(value)) return { kind: 'sha256', sha256: value.toLowerCase() };
  if (asymmetricWords.has(value)) throw notImplemented('x-amz-content-sha256');
  throw invalidArgument(
    'x-amz-content-sha256',
    value,
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
  );
}

/**
 * Passes a body on and ends with XAmzContentSHA256Mismatch unless its SHA-256 is `expected` (hex in
 * lower case). The bytes are out by then: a reader must not commit before the body has ended.
 * `onDigest` gets the digest (32 bytes) of a body that matched, for who needs it again
 * (x-amz-checksum-sha256): it is computed once.
 */
export async function* verifyPayloadSha256(
  body: AsyncIterable<Buffer>,
  expected: string,
  onDigest?: (digest: Buffer) => void,
): AsyncGenerator<Buffer, void, undefined> {
  const digest = createHash('sha256');
  for await (const piece of body) {
    digest.update(piece);
    yield piece;
  }
  const computed = digest.digest();
  const computedHex = computed.toString('hex');
  if (computedHex !== expected) {
    throw new S3Error('XAmzContentSHA256Mismatch', {
      fields: {
        ClientComputedContentSHA256: expected,
        S3ComputedContentSHA256: computedHex,
      },
    });
  }
  onDigest?.(computed);
}
