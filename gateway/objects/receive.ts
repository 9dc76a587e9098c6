/**
 * Receiving an object's bytes: which digests are needed is decided before the first byte, the body is
 * stored as pages in one pass with them, and everything the client announced is verified at the end.
 * Until then nothing irrevocable has happened; a failure frees the pages.
 */
import { hash } from 'node:crypto';
import type { BlobSeer, StagedWrite } from '../../blobseer-client/index.ts';
import type { Checksum, ChecksumAlgorithm } from '../namespace/namespace.ts';
import {
  type AnnouncedChecksum,
  announcedChecksum,
  announcedMd5,
  trailerChecksum,
  verifyChecksum,
  verifyMd5,
} from '../s3/checksum-headers.ts';
import { DigestSet, defaultChecksumAlgorithm } from '../s3/checksums.ts';
import type { HeaderReader } from '../s3/headers.ts';
import { type BodyMd5, createBodyMd5 } from '../s3/md5-lanes.ts';
import { newBlob, type WriteTarget } from './base.ts';
import { checkUploadSize } from './limits.ts';

/** A body on its way in, with what was said about it. */
export interface IncomingBody {
  readonly headers: HeaderReader;
  readonly body: AsyncIterable<Buffer>;
  readonly decodedLength: number | undefined;
  /** Filled when the body has ended. */
  readonly trailers: ReadonlyMap<string, string>;
  /** The SHA-256 that the signature covers, when the body has ended: it is not computed again. */
  readonly payloadSha256?: () => Buffer | undefined;
  readonly signal: AbortSignal;
}

/** What the client announced about a body. */
export interface Announced {
  readonly md5: Buffer | undefined;
  readonly checksum: AnnouncedChecksum | undefined;
}

export interface ReceivedBody {
  /** Sealed; undefined where the body was empty: nothing has to be stored for it. */
  readonly staged: StagedWrite | undefined;
  readonly size: number;
  /** MD5, hexadecimal: the ETag of an object or part that came in one piece. */
  readonly etag: string;
  /** FULL_OBJECT checksums of these bytes: those asked for, then the announced one; CRC64NVME for neither. */
  readonly checksums: readonly Checksum[];
}

/** Throws InvalidDigest, InvalidRequest, EntityTooLarge: all that can be said before the first byte. */
export function announcedOf(incoming: IncomingBody): Announced {
  if (incoming.decodedLength !== undefined) checkUploadSize(incoming.decodedLength);
  return { md5: announcedMd5(incoming.headers), checksum: announcedChecksum(incoming.headers) };
}

/**
 * Stores a body and verifies it. `asked` are checksums to compute although nobody announced them; where
 * nothing is asked or announced it is CRC64NVME, as with S3.
 * The caller publishes `staged`, or aborts it. Throws BadDigest, MalformedTrailerError, what the body
 * throws (IncompleteBody, a wrong signature), and BlobSeerError.
 */
export async function receiveBody(
  blobseer: BlobSeer,
  incoming: IncomingBody,
  announced: Announced,
  target: WriteTarget = newBlob,
  asked: readonly ChecksumAlgorithm[] = [],
): Promise<ReceivedBody> {
  const algorithms = algorithmsOf(announced, asked);
  const digests = new BodyDigests(algorithms, incoming);
  try {
    const staged = await stage(blobseer, incoming, digests, target);
    try {
      verify(incoming, announced, digests);
      if (staged?.size === 0) await staged.abort();
      else await staged?.seal();
    } catch (error) {
      await staged?.abort();
      throw error;
    }
    return {
      staged: staged?.size === 0 ? undefined : staged,
      size: digests.length,
      etag: digests.digest('MD5').toString('hex'),
      checksums: algorithms.map((algorithm) => checksumOf(algorithm, digests)),
    };
  } finally {
    digests.close();
  }
}

/** Each once. */
function algorithmsOf(
  { checksum }: Announced,
  asked: readonly ChecksumAlgorithm[],
): readonly ChecksumAlgorithm[] {
  if (asked.length === 0) return [checksum?.algorithm ?? defaultChecksumAlgorithm];
  const algorithms = new Set(asked);
  if (checksum !== undefined) algorithms.add(checksum.algorithm);
  return [...algorithms];
}

function checksumOf(algorithm: ChecksumAlgorithm, digests: BodyDigests): Checksum {
  const value = digests.digest(algorithm).toString('base64');
  return { algorithm, type: 'FULL_OBJECT', value };
}

/**
 * A body up to here is received whole before it is staged: it goes through one loop in place of four, and
 * nothing of it has to be broken off. It would wait in memory for its commit anyway.
 */
const maxWholeBytes = 64 * 1024;

function isReceivedWhole(length: number | undefined): length is number {
  return length !== undefined && length <= maxWholeBytes;
}

/**
 * A body known to be empty is read to its end (it may carry trailers) and not staged. What is staged is told field
 * by field: an object that another is spread into costs more than all the rest of a small body.
 */
async function stage(
  blobseer: BlobSeer,
  incoming: IncomingBody,
  digests: BodyDigests,
  { base, blobId }: WriteTarget,
): Promise<StagedWrite | undefined> {
  const { decodedLength: sizeHint } = incoming;
  if (!isReceivedWhole(sizeHint)) {
    const { signal } = incoming;
    return await blobseer.stage(digested(incoming.body, digests), {
      base,
      blobId,
      sizeHint,
      signal,
    });
  }
  const whole = await readWhole(incoming.body, sizeHint);
  digests.take(whole);
  if (whole.length === 0) return undefined;
  return await blobseer.stage([whole], { base, blobId, sizeHint, signal: undefined });
}

/** In one buffer, whatever the pieces: HTTP chunks of a byte would take hundreds of times their size. */
async function readWhole(body: AsyncIterable<Buffer>, expectedBytes: number): Promise<Buffer> {
  let whole: Buffer = noBytes;
  let length = 0;
  for await (const piece of body) {
    if (piece.length === expectedBytes && length === 0) {
      whole = piece; // as it mostly comes
    } else {
      if (length + piece.length > whole.length) {
        const larger = Buffer.allocUnsafe(
          Math.max(expectedBytes, 2 * length, length + piece.length),
        );
        whole.copy(larger, 0, 0, length);
        whole = larger;
      }
      piece.copy(whole, length);
    }
    length += piece.length;
  }
  return whole.subarray(0, length);
}

const noBytes = Buffer.alloc(0);

async function* digested(
  body: AsyncIterable<Buffer>,
  digests: BodyDigests,
): AsyncGenerator<Buffer, void, undefined> {
  for await (const piece of body) {
    digests.update(piece);
    checkUploadSize(digests.length);
    yield piece;
  }
}

function verify(incoming: IncomingBody, announced: Announced, digests: BodyDigests): void {
  if (announced.md5 !== undefined) verifyMd5(announced.md5, digests.digest('MD5'));
  if (announced.checksum === undefined) return;
  const { algorithm, expected } = announced.checksum;
  verifyChecksum(
    algorithm,
    expected ?? trailerChecksum(algorithm, incoming.trailers),
    digests.digest(algorithm),
  );
}

/** The body's digests, each computed once: MD5 for the ETag, and those of its checksums. */
class BodyDigests {
  /** Of a body that comes in pieces. */
  private readonly md5: BodyMd5 | undefined;
  private md5Digest: Buffer | undefined;
  private readonly others: DigestSet;
  private readonly payloadSha256: (() => Buffer | undefined) | undefined;

  constructor(algorithms: readonly ChecksumAlgorithm[], incoming: IncomingBody) {
    const { decodedLength } = incoming;
    this.md5 = isReceivedWhole(decodedLength) ? undefined : createBodyMd5(decodedLength);
    this.payloadSha256 = incoming.payloadSha256;
    this.others = new DigestSet(algorithms.filter((name) => !this.isElsewhere(name)));
  }

  get length(): number {
    return this.others.length;
  }

  update(bytes: Uint8Array): void {
    this.md5?.update(bytes);
    this.others.update(bytes);
  }

  /** The whole body, in one call: OpenSSL needs no object for it. */
  take(whole: Buffer): void {
    this.md5Digest = hash('md5', whole, 'buffer');
    this.others.update(whole);
  }

  /** Once the body has ended. */
  digest(name: ChecksumAlgorithm): Buffer {
    const digest = name === 'MD5' ? this.digestMd5() : this.others.digest(name);
    if (digest !== undefined) return digest;
    const known = name === 'SHA256' ? this.payloadSha256?.() : undefined;
    if (known !== undefined) return known;
    throw new Error(`${name} was not computed`);
  }

  private digestMd5(): Buffer | undefined {
    this.md5Digest ??= this.md5?.digest();
    return this.md5Digest;
  }

  close(): void {
    this.md5?.close();
  }

  private isElsewhere(name: ChecksumAlgorithm): boolean {
    return name === 'MD5' || (name === 'SHA256' && this.payloadSha256 !== undefined);
  }
}
