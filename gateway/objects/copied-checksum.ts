/**
 * The checksums of copies. What the source has is kept, and CRCs are put together from those of its parts;
 * bytes are read only for a checksum that was asked for and cannot be had otherwise.
 */
import type { ByteRange } from '../../blobseer-client/index.ts';
import type {
  Checksum,
  ChecksumAlgorithm,
  Extent,
  ObjectPart,
  ObjectVersion,
} from '../namespace/namespace.ts';
import { DigestSet, defaultChecksumAlgorithm, fullObjectChecksum, isCrc } from '../s3/checksums.ts';
import type { Layout } from './layout.ts';
import { extentsOfRange } from './read.ts';
import type { Stores } from './stores.ts';

/**
 * A copy whose source has no checksum (objects of the first release, and those put together from ranges of
 * others) gets one as with S3, where reading it takes no longer than some milliseconds. Beyond that a copy
 * stays what it is here: of any size, at once.
 */
const maxReadUnaskedBytes = 16 * 1024 * 1024;

export interface CopiedChecksums {
  readonly checksum: Checksum | undefined;
  /** The source's, with checksums of the same algorithm as the whole's, or without. */
  readonly parts: readonly ObjectPart[];
}

/** Of a whole version; `wanted` is the algorithm that the client asked for. */
export async function copiedChecksums(
  stores: Stores,
  version: ObjectVersion,
  source: Layout,
  wanted: ChecksumAlgorithm | undefined,
  signal: AbortSignal,
): Promise<CopiedChecksums> {
  const { checksum: own, size } = version;
  const { extents, parts } = source;
  if (wanted === undefined && (own !== undefined || size > maxReadUnaskedBytes)) {
    return { checksum: own, parts };
  }
  const algorithm = wanted ?? defaultChecksumAlgorithm;
  // Who asks for an algorithm gets the checksum of the object, not one of its parts' (API_CopyObject).
  if (own?.algorithm === algorithm && own.type === 'FULL_OBJECT') return { checksum: own, parts };
  const combined = combinedChecksum(algorithm, parts);
  if (combined !== undefined) return { checksum: combined, parts };
  if (parts.length === 0 || !isCrc(algorithm)) {
    const checksum = await readChecksum(stores, extents, algorithm, signal);
    return { checksum, parts: parts.map(({ checksum: _other, ...part }) => part) };
  }
  const digested: ObjectPart[] = [];
  let offset = 0;
  for (const part of parts) {
    const range = { offset, length: part.size };
    const own = extentsOfRange(extents, range);
    digested.push({ ...part, checksum: await readChecksum(stores, own, algorithm, signal) });
    offset += part.size;
  }
  return { checksum: combinedChecksum(algorithm, digested), parts: digested };
}

/** Of a range of a version, where it is known without reading. */
export function knownRangeChecksum(
  version: ObjectVersion,
  parts: readonly ObjectPart[],
  range: ByteRange,
  algorithm: ChecksumAlgorithm,
): Checksum | undefined {
  const { checksum: own, size, partCount } = version;
  const isWhole = range.length === size;
  if (isWhole && own?.algorithm === algorithm && own.type === 'FULL_OBJECT') return own;
  if (partCount === 0 || range.length === 0 || !isCrc(algorithm)) return undefined;
  const covered = partsOfRange(parts, range);
  return covered && combinedChecksum(algorithm, covered);
}

/** The parts that make up exactly that range; undefined where it begins or ends inside one. */
function partsOfRange(parts: readonly ObjectPart[], range: ByteRange): ObjectPart[] | undefined {
  const covered: ObjectPart[] = [];
  const end = range.offset + range.length;
  let offset = 0;
  for (const part of parts) {
    const next = offset + part.size;
    if (offset >= end) break;
    if (next > range.offset) {
      if (offset < range.offset || next > end) return undefined;
      covered.push(part);
    }
    offset = next;
  }
  return covered;
}

/** Undefined where it is no CRC, or a part has none of that algorithm. */
function combinedChecksum(
  algorithm: ChecksumAlgorithm,
  parts: readonly ObjectPart[],
): Checksum | undefined {
  if (parts.length === 0 || !isCrc(algorithm)) return undefined;
  const digests: { digest: Buffer; length: number }[] = [];
  for (const { checksum, size } of parts) {
    if (checksum?.algorithm !== algorithm) return undefined;
    digests.push({ digest: Buffer.from(checksum.value, 'base64'), length: size });
  }
  return { algorithm, type: 'FULL_OBJECT', value: fullObjectChecksum(algorithm, digests) };
}

async function readChecksum(
  stores: Stores,
  extents: readonly Extent[],
  algorithm: ChecksumAlgorithm,
  signal: AbortSignal,
): Promise<Checksum> {
  const digests = await readDigests(stores, extents, [algorithm], signal);
  return fullChecksum(digests, algorithm);
}

/** Reads the extents, and digests them in one pass. */
export async function readDigests(
  { blobseer }: Pick<Stores, 'blobseer'>,
  extents: readonly Extent[],
  algorithms: readonly ChecksumAlgorithm[],
  signal: AbortSignal,
): Promise<DigestSet> {
  const digests = new DigestSet(algorithms);
  for (const { snapshot, offset, length } of extents) {
    const options = { signal, reusesMemory: true };
    for await (const piece of blobseer.read(snapshot, { offset, length }, options)) {
      digests.update(piece);
    }
  }
  return digests;
}

export function fullChecksum(digests: DigestSet, algorithm: ChecksumAlgorithm): Checksum {
  const digest = digests.digest(algorithm);
  if (digest === undefined) throw new Error(`${algorithm} was not computed`);
  return { algorithm, type: 'FULL_OBJECT', value: digest.toString('base64') };
}
