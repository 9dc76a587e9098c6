/**
 * S3's checksum algorithms (MD5, which is also behind ETag and Content-MD5, is one of them) behind one
 * interface; several of them over the same bytes in one pass; and the checksums of multipart objects.
 * Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3".
 */
import { createHash } from 'node:crypto';
import { crc32, crc32c } from '@node-rs/crc32';
import { type CrcAlgorithm, type CrcPart, combineCrcs } from './crc-combine.ts';
import { Crc64Nvme } from './crc64nvme.ts';
import { XxHash } from './xxhash.ts';

/** In the order in which S3 lists them. */
export const checksumAlgorithms = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'MD5',
  'SHA1',
  'SHA256',
  'SHA512',
  'XXHASH128',
  'XXHASH3',
  'XXHASH64',
] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

/** What an object has where the client names and sends nothing (since December 2024). */
export const defaultChecksumAlgorithm = 'CRC64NVME';

export const digestBytes: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  MD5: 16,
  SHA1: 20,
  SHA256: 32,
  SHA512: 64,
  XXHASH128: 16,
  XXHASH3: 8,
  XXHASH64: 8,
};

/** A running digest. `digest` ends it and is called once. */
export interface Digest {
  update(bytes: Uint8Array): void;
  digest(): Buffer;
}

export function createDigest(algorithm: ChecksumAlgorithm): Digest {
  switch (algorithm) {
    case 'CRC32':
      return new Crc32(crc32);
    case 'CRC32C':
      return new Crc32(crc32c);
    case 'CRC64NVME':
      return new Crc64Nvme();
    case 'XXHASH128':
    case 'XXHASH3':
    case 'XXHASH64':
      return new XxHash(algorithm);
    default:
      return createHash(algorithm.toLowerCase());
  }
}

class Crc32 implements Digest {
  private readonly step: (bytes: Uint8Array, before: number) => number;
  private value = 0;

  constructor(step: (bytes: Uint8Array, before: number) => number) {
    this.step = step;
  }

  update(bytes: Uint8Array): void {
    this.value = this.step(bytes, this.value);
  }

  digest(): Buffer {
    const digest = Buffer.allocUnsafe(4);
    digest.writeUInt32BE(this.value >>> 0);
    return digest;
  }
}

/** Several digests over the same bytes in one pass, while they are in the processor's cache. */
export class DigestSet {
  /** Mostly one: lists are made faster than maps. The digest of a name has the same place as the name. */
  private readonly names: ChecksumAlgorithm[] = [];
  private readonly running: Digest[] = [];
  private readonly finished: (Buffer | undefined)[] = [];
  /** Bytes so far. */
  length = 0;

  constructor(names: Iterable<ChecksumAlgorithm>) {
    for (const name of names) {
      if (this.names.includes(name)) continue;
      this.names.push(name);
      this.running.push(createDigest(name));
      this.finished.push(undefined);
    }
  }

  update(bytes: Uint8Array): void {
    this.length += bytes.length;
    // A large buffer goes through all digests slice by slice, or each would fetch it from memory.
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const slice = bytes.length <= sliceBytes ? bytes : bytes.subarray(at, at + sliceBytes);
      for (const digest of this.running) digest.update(slice);
    }
  }

  /** Ends that digest; may be asked again. Undefined where it is not in the set. */
  digest(name: ChecksumAlgorithm): Buffer | undefined {
    const place = this.names.indexOf(name);
    if (place < 0) return undefined;
    const digest = this.finished[place] ?? this.running[place]!.digest();
    this.finished[place] = digest;
    return digest;
  }
}

const sliceBytes = 256 * 1024;

const headers = new Map(
  checksumAlgorithms.map((name) => [name, `x-amz-checksum-${name.toLowerCase()}`]),
);

/** The header that carries it: x-amz-checksum-crc32. */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return headers.get(algorithm)!;
}

/** The XML element that carries it: ChecksumCRC32. */
export function checksumElement(algorithm: ChecksumAlgorithm): string {
  return `Checksum${algorithm}`;
}

/** By its name in any case; undefined for one that S3 does not know. */
export function checksumAlgorithm(name: string): ChecksumAlgorithm | undefined {
  const upper = name.toUpperCase();
  return checksumAlgorithms.find((algorithm) => algorithm === upper);
}

/** The bytes of a base64 digest; undefined where it is not base64 or not of that digest's length. */
export function decodeDigest(name: ChecksumAlgorithm, base64: string): Buffer | undefined {
  const bytes = Buffer.from(base64, 'base64');
  // Node skips what is not base64; only a value that comes back the same was well formed.
  return bytes.length === digestBytes[name] && bytes.toString('base64') === base64
    ? bytes
    : undefined;
}

/** COMPOSITE: the digest of the parts' digests, and their number: `base64-N`. */
export function compositeChecksum(
  algorithm: ChecksumAlgorithm,
  partDigests: readonly Buffer[],
): string {
  const digest = createDigest(algorithm);
  for (const partDigest of partDigests) digest.update(partDigest);
  return `${digest.digest().toString('base64')}-${partDigests.length}`;
}

/** FULL_OBJECT: the digest of the whole object, in base64. Only CRCs can be put together like this. */
export function fullObjectChecksum(algorithm: CrcAlgorithm, parts: Iterable<CrcPart>): string {
  return combineCrcs(algorithm, parts).toString('base64');
}

/** The ETag of a multipart object: MD5 of the parts' MD5s (hexadecimal, without quotes), and their number. */
export function multipartEtag(partEtags: readonly string[]): string {
  const md5 = createHash('md5');
  for (const etag of partEtags) md5.update(Buffer.from(etag, 'hex'));
  return `${md5.digest('hex')}-${partEtags.length}`;
}

/** What an upload has where the client names an algorithm but no type. */
export function defaultChecksumType(algorithm: ChecksumAlgorithm): ChecksumType {
  return algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
}

/**
 * Of a multipart upload: only CRCs can be put together to the checksum of the whole, and S3 has no composite
 * CRC-64 (CreateMultipartUpload refuses every other pair).
 */
export function allowsChecksumType(algorithm: ChecksumAlgorithm, type: ChecksumType): boolean {
  if (algorithm === 'CRC64NVME') return type === 'FULL_OBJECT';
  return type === 'COMPOSITE' || isCrc(algorithm);
}

export function isCrc(algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm {
  return algorithm.startsWith('CRC');
}
