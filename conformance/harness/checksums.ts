/**
 * S3's checksums, base64, as S3 has them: CRCs by the textbook, bit by bit, slow and nobody else's code;
 * the hashes of Node; the xxHashes of the SDK itself.
 */
import { createHash } from 'node:crypto';
import { Xxh3_64, Xxh3_128, Xxh64 } from '@aws-sdk/checksums/xxh';

/** Reflected polynomials: Castagnoli (RFC 3720) and NVMe's CRC-64 (NVM Command Set, 5.2.1.3.4). */
const crc32Polynomial = 0xedb88320n;
const crc32cPolynomial = 0x82f63b78n;
const crc64NvmePolynomial = 0x9a6c9329ac4bc9b5n;

export type ChecksumName = 'crc32' | 'crc32c' | 'crc64nvme' | 'md5' | 'sha1' | 'sha256' | 'sha512';

const xxHashes = { xxhash128: Xxh3_128, xxhash3: Xxh3_64, xxhash64: Xxh64 } as const;
export type XxHashName = keyof typeof xxHashes;

export const checksumNames: readonly (ChecksumName | XxHashName)[] = [
  'crc32',
  'crc32c',
  'crc64nvme',
  'md5',
  'sha1',
  'sha256',
  'sha512',
  'xxhash128',
  'xxhash3',
  'xxhash64',
];

/** For the option `checksumAlgorithms` of the SDK, which by itself has only the first five. */
export const sdkChecksumAlgorithms = { XXHASH128: Xxh3_128, XXHASH3: Xxh3_64, XXHASH64: Xxh64 };

/** Of any of the ten. */
export async function anyChecksum(name: ChecksumName | XxHashName, bytes: Buffer): Promise<string> {
  if (name !== 'xxhash128' && name !== 'xxhash3' && name !== 'xxhash64') {
    return checksum(name, bytes);
  }
  const hash = new xxHashes[name]();
  hash.update(bytes);
  return Buffer.from(await hash.digest()).toString('base64');
}

export function checksum(name: ChecksumName, bytes: Buffer): string {
  switch (name) {
    case 'crc32':
      return crc(bytes, crc32Polynomial, 32);
    case 'crc32c':
      return crc(bytes, crc32cPolynomial, 32);
    case 'crc64nvme':
      return crc(bytes, crc64NvmePolynomial, 64);
    default:
      return createHash(name).update(bytes).digest('base64');
  }
}

export function md5Base64(bytes: Buffer | string): string {
  return createHash('md5').update(bytes).digest('base64');
}

export function md5Hex(bytes: Buffer | string): string {
  return createHash('md5').update(bytes).digest('hex');
}

const tables = new Map<bigint, BigUint64Array>();

function tableOf(polynomial: bigint): BigUint64Array {
  const known = tables.get(polynomial);
  if (known !== undefined) return known;
  const table = BigUint64Array.from({ length: 256 }, (_, index) => {
    let value = BigInt(index);
    for (let bit = 0; bit < 8; bit += 1)
      value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    return value;
  });
  tables.set(polynomial, table);
  return table;
}

function crc(bytes: Buffer, polynomial: bigint, width: number): string {
  const table = tableOf(polynomial);
  const mask = (1n << BigInt(width)) - 1n;
  let value = mask;
  for (const byte of bytes) {
    value = (value >> 8n) ^ (table[Number((value ^ BigInt(byte)) & 0xffn)] ?? 0n);
  }
  const hex = (value ^ mask).toString(16).padStart(width / 4, '0');
  return Buffer.from(hex, 'hex').toString('base64');
}
