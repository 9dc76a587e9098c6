/** Length and SHA-256 of files: what a manifest says of each, and what a copy is held against. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { BlobSeerError } from '../../blobseer-client/errors.ts';

export interface Digest {
  readonly bytes: number;
  /** 64 hex digits. */
  readonly sha256: string;
}

/** Of a file in a place. */
export interface NamedDigest extends Digest {
  readonly name: string;
}

const readAtOnceBytes = 2 ** 20;
const sha256Pattern = /^[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  if (typeof value !== 'object' || value === null) return false;
  if (!('bytes' in value) || !('sha256' in value)) return false;
  const { bytes, sha256 } = value;
  return (
    Number.isSafeInteger(bytes) &&
    (bytes as number) >= 0 &&
    typeof sha256 === 'string' &&
    sha256Pattern.test(sha256)
  );
}

export function digestOfBytes(bytes: Uint8Array): Digest {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Of the first `bytes` of a file, or of all of it. */
export async function digestOfFile(file: string, bytes?: number): Promise<Digest> {
  const digester = new Digester();
  for await (const piece of pieces(file, bytes)) digester.add(piece);
  return digester.digest();
}

export async function* pieces(file: string, bytes?: number): AsyncGenerator<Buffer> {
  if (bytes === 0) return;
  const end = bytes === undefined ? {} : { end: bytes - 1 };
  yield* createReadStream(file, { highWaterMark: readAtOnceBytes, ...end });
}

/** Passes bytes through, and throws `corrupt` at the end when they are not those that were expected. */
export async function* checked(
  source: AsyncIterable<Buffer>,
  expected: Digest,
  name: string,
): AsyncGenerator<Buffer> {
  const digester = new Digester();
  for await (const piece of source) {
    digester.add(piece);
    // No more than that is taken from anybody.
    if (digester.bytes > expected.bytes) break;
    yield piece;
  }
  const found = digester.digest();
  if (found.bytes !== expected.bytes || found.sha256 !== expected.sha256) {
    throw new BlobSeerError('corrupt', `${name} is damaged: it is not what the manifest says`);
  }
}

export class Digester {
  readonly #hash = createHash('sha256');
  bytes = 0;

  add(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.bytes += piece.length;
  }

  digest(): Digest {
    return { bytes: this.bytes, sha256: this.#hash.digest('hex') };
  }
}
