/**
 * Copies: a new version, or a part, whose extents name the source's snapshots and own one reference
 * each. No byte moves, whatever the size. Bytes are read only to compute a checksum that the source
 * does not have (copied-checksum.ts).
 */
import { createHash } from 'node:crypto';
import type { ByteRange, Transaction } from '../../blobseer-client/index.ts';
import type {
  Acl,
  Bucket,
  Checksum,
  ChecksumAlgorithm,
  Extent,
  Namespace,
  ObjectVersion,
  Part,
  Upload,
} from '../namespace/namespace.ts';
import { rightsOfNewObject } from '../s3/acl.ts';
import { defaultChecksumAlgorithm } from '../s3/checksums.ts';
import { S3Error } from '../s3/errors.ts';
import {
  copiedChecksums,
  fullChecksum,
  knownRangeChecksum,
  readDigests,
} from './copied-checksum.ts';
import { findVersion, type Look, lookUp, presentBucket } from './find.ts';
import { layoutOf } from './layout.ts';
import { withLease } from './lease.ts';
import { maxUploadBytes } from './limits.ts';
import { type PartPlace, type StoredPart, storePart } from './parts.ts';
import { checkReplacing, type Description, type Placed, type Replacing } from './put.ts';
import { extentsOfRange } from './read.ts';
import type { Stores } from './stores.ts';
import { findUpload } from './uploads.ts';
import { ownChecksum } from './whole-checksum.ts';

/** Who copies must be granted READ on it. */
export interface SourceAddress {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId: string | undefined;
}

export interface CopySource {
  readonly bucket: Bucket;
  readonly version: ObjectVersion;
}

export interface CopyRequest extends Replacing {
  readonly source: SourceAddress;
  /** Of the copy: the source's is not copied. Undefined is 'private'. */
  readonly acl: Acl | undefined;
  /** The checksum that the copy must have; undefined: what the source has. */
  readonly checksum: ChecksumAlgorithm | undefined;
  /** Throws where the source is not what the client wants copied. */
  readonly checkSource: (version: ObjectVersion) => void;
  readonly describe: (version: ObjectVersion) => Description;
  readonly signal: AbortSignal;
}

/** The source was replaced between its look-up and the commit; what was decided on it is void. */
class SourceChanged extends Error {}

/** A source that is overwritten this often while it is copied is overwritten without pause. */
const maxAttempts = 5;

/** Throws NoSuchKey, NoSuchVersion, InvalidRequest, NoSuchBucket, and what the checks throw. */
export async function copyVersion(
  stores: Stores,
  request: CopyRequest,
): Promise<Placed & { readonly source: CopySource }> {
  const { blobseer, namespace, clock } = stores;
  const { key } = request;
  return await fromStableSource(stores, async () => {
    const source = findSource(namespace, request.source, request.writerId);
    const { version } = source;
    request.checkSource(version);
    const layout = layoutOf(namespace, source.bucket, version);
    const { extents } = layout;
    const { checksum, parts } = await copiedChecksums(
      stores,
      version,
      layout,
      request.checksum,
      request.signal,
    );
    return await blobseer.store.commit((transaction) => {
      checkUnchanged(namespace, source);
      const bucket = presentBucket(namespace, request.bucket);
      checkReplacing(stores, { ...request, bucket });
      retainAll(stores, transaction, extents);
      const placed = namespace.putVersion(transaction, bucket, key, {
        ...request.describe(version),
        isDeleteMarker: false,
        size: version.size,
        etag: version.etag,
        modifiedMs: clock.nowMs(),
        ...rightsOfNewObject(bucket, request.writerId, request.acl),
        extents,
        parts,
        ...(checksum === undefined ? {} : { checksum }),
      });
      return { bucket, version: placed, source };
    });
  });
}

export interface CopyPartRequest {
  readonly source: SourceAddress;
  readonly place: PartPlace;
  readonly checkSource: (version: ObjectVersion) => void;
  /** The bytes wanted of a source of that size. */
  readonly range: (size: number) => ByteRange;
  readonly signal: AbortSignal;
}

/** As `copyVersion`; throws NoSuchUpload too. */
export async function copyPart(
  stores: Stores,
  request: CopyPartRequest,
): Promise<StoredPart & { readonly source: CopySource }> {
  const { namespace } = stores;
  const { place } = request;
  return await fromStableSource(stores, async () => {
    const upload = findUpload(namespace, place);
    const source = findSource(namespace, request.source, place.requesterId);
    const { version } = source;
    request.checkSource(version);
    const range = request.range(version.size);
    if (range.length > maxUploadBytes) {
      throw new S3Error('InvalidRequest', {
        message: `The specified copy source is larger than the maximum allowable size for a copy source: ${maxUploadBytes}`,
      });
    }
    const layout = layoutOf(namespace, source.bucket, version);
    const extents = extentsOfRange(layout.extents, range);
    const known = knownRangeChecksum(
      version,
      layout.parts,
      range,
      upload.checksum?.algorithm ?? defaultChecksumAlgorithm,
    );
    const content = await partContent(stores, { version, range, extents, upload, known }, request);
    const part = await storePart(stores, place, (transaction) => {
      checkUnchanged(namespace, source);
      retainAll(stores, transaction, extents);
      return { ...content, size: range.length, extents };
    });
    const checksum = upload.checksum && ownChecksum(upload, part);
    return { part, checksum, source };
  });
}

/** Under a lease, so that nothing looked up is reclaimed; again where the source changed meanwhile. */
async function fromStableSource<T>(stores: Stores, work: () => Promise<T>): Promise<T> {
  const { blobseer, namespace } = stores;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await withLease(blobseer, work);
    } catch (error) {
      if (!(error instanceof SourceChanged)) throw error;
      if (attempt === maxAttempts) throw new S3Error('OperationAborted', { cause: error });
      namespace.refresh();
    }
  }
}

/** Throws AccessDenied unless the requester is granted READ on the source. */
function findSource(namespace: Namespace, address: SourceAddress, requesterId: string): CopySource {
  const { bucket, key, versionId } = address;
  const look: Look = { bucket, requesterId, permission: 'READ' };
  if (versionId === undefined) {
    return { bucket, version: findVersion(namespace, look, key, undefined) };
  }
  const version = lookUp(namespace, look, key, versionId);
  if (version.isDeleteMarker) {
    throw new S3Error('InvalidRequest', {
      message:
        'The source of a copy request may not specifically refer to a delete marker by version id.',
    });
  }
  return { bucket, version };
}

/** Inside the commit: a reference is only taken where the source still holds its own. */
function checkUnchanged(namespace: Namespace, { bucket, version }: CopySource): void {
  const now = namespace.version(bucket.id, version.key, version.versionId);
  if (now?.sequence !== version.sequence) throw new SourceChanged();
}

function retainAll(
  { blobseer }: Pick<Stores, 'blobseer'>,
  transaction: Transaction,
  extents: readonly Extent[],
): void {
  for (const { snapshot } of extents) blobseer.retain(transaction, snapshot);
}

interface CopiedRange {
  readonly version: ObjectVersion;
  readonly range: ByteRange;
  readonly extents: readonly Extent[];
  readonly upload: Upload;
  /** The checksum that the part needs, where it is known without reading. */
  readonly known: Checksum | undefined;
}

/**
 * ETag and checksum of a copied part. A plain object copied whole keeps its own. Otherwise the bytes are read
 * only where the upload was created with an algorithm and the source does not give it; where they are not,
 * the ETag is derived from the source's and the range: it names the same bytes for ever, which is all that
 * S3 promises of it.
 */
async function partContent(
  stores: Stores,
  { version, range, extents, upload, known }: CopiedRange,
  { signal }: Pick<CopyPartRequest, 'signal'>,
): Promise<Pick<Part, 'etag' | 'checksums'>> {
  const algorithm = upload.checksum?.algorithm;
  if (known !== undefined || algorithm === undefined) {
    const isWhole = range.length === version.size && version.partCount === 0;
    return {
      etag: isWhole ? version.etag : derivedEtag(version, range),
      checksums: known === undefined ? [] : [known],
    };
  }
  const digests = await readDigests(stores, extents, ['MD5', algorithm], signal);
  return {
    etag: Buffer.from(fullChecksum(digests, 'MD5').value, 'base64').toString('hex'),
    checksums: [fullChecksum(digests, algorithm)],
  };
}

function derivedEtag({ etag }: ObjectVersion, { offset, length }: ByteRange): string {
  return createHash('md5').update(`${etag} ${offset} ${length}`).digest('hex');
}
