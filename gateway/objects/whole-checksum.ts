/**
 * The checksum of an object of parts: what Complete puts together from the parts' own, without reading a
 * byte, and what it holds against that the client said, of each part and of the whole.
 */
import type { Checksum, Part, Upload } from '../namespace/namespace.ts';
import { otherAlgorithm, wrongChecksum } from '../s3/checksum-headers.ts';
import {
  compositeChecksum,
  defaultChecksumAlgorithm,
  fullObjectChecksum,
  isCrc,
} from '../s3/checksums.ts';
import { S3Error } from '../s3/errors.ts';

type Named = Pick<Checksum, 'algorithm' | 'value'>;

/** What the client says of the whole object; each is checked where it is given. */
export interface ExpectedChecksum {
  readonly checksum: Named | undefined;
  readonly checksumType: Checksum['type'] | undefined;
}

/** The checksum that Complete puts together, and lists show; parts of old releases may lack it. */
export function ownChecksum(
  upload: Pick<Upload, 'checksum'>,
  part: Pick<Part, 'checksums'>,
): Checksum | undefined {
  const wanted = upload.checksum?.algorithm ?? defaultChecksumAlgorithm;
  return part.checksums.find(({ algorithm }) => algorithm === wanted);
}

/**
 * In the way the upload was created with; undefined where a part has no checksum of that algorithm, which
 * can only be where nobody named one. Throws InvalidRequest and BadDigest.
 */
export function wholeChecksum(
  parts: readonly Part[],
  upload: Upload,
  expected: ExpectedChecksum,
): Checksum | undefined {
  const { algorithm, type } = upload.checksum ?? {
    algorithm: defaultChecksumAlgorithm,
    type: 'FULL_OBJECT',
  };
  const { checksum: named, checksumType } = expected;
  if (checksumType !== undefined && checksumType !== type) {
    throw new S3Error('InvalidRequest', {
      message: `The upload was created using the ${type} checksum mode. The complete request must use the same checksum mode.`,
    });
  }
  if (named !== undefined && named.algorithm !== algorithm) {
    throw otherAlgorithm(algorithm, named.algorithm);
  }
  const value = putTogether(parts, upload, { algorithm, type });
  if (value === undefined) {
    if (named === undefined) return undefined;
    throw new S3Error('InvalidRequest', {
      message: `A part of this upload has no ${algorithm} checksum, so that of the object cannot be verified.`,
    });
  }
  if (named !== undefined && !isValue(named.value, value, type)) throw wrongChecksum(algorithm);
  return { algorithm, type, value };
}

/** Some clients leave out the number of parts behind a composite value, which S3 takes. */
function isValue(named: string, computed: string, type: Checksum['type']): boolean {
  if (named === computed) return true;
  return type === 'COMPOSITE' && named === computed.slice(0, computed.lastIndexOf('-'));
}

function putTogether(
  parts: readonly Part[],
  upload: Upload,
  { algorithm, type }: Pick<Checksum, 'algorithm' | 'type'>,
): string | undefined {
  const digests: { digest: Buffer; length: number }[] = [];
  for (const part of parts) {
    const own = ownChecksum(upload, part);
    if (own !== undefined) {
      digests.push({ digest: Buffer.from(own.value, 'base64'), length: part.size });
    } else if (upload.checksum === undefined) return undefined;
    else throw new Error(`part ${part.number} has no ${algorithm}`);
  }
  if (type === 'COMPOSITE') {
    return compositeChecksum(
      algorithm,
      digests.map(({ digest }) => digest),
    );
  }
  if (isCrc(algorithm)) return fullObjectChecksum(algorithm, digests);
  throw new Error(`an upload with a ${type} ${algorithm} cannot have been created`);
}

/**
 * False where the part that the client named has another checksum (InvalidPart). Throws BadDigest where it
 * has none of that algorithm. A client that names none is content with what was verified on the way in:
 * S3 would insist, see docs/CHECKSUMS.md.
 */
export function hasNamedChecksum(upload: Upload, part: Part, named: Named | undefined): boolean {
  if (named === undefined) return true;
  const { algorithm, value } = named;
  const known = part.checksums.find((checksum) => checksum.algorithm === algorithm);
  if (known !== undefined) return known.value === value;
  if (upload.checksum === undefined) return false;
  throw new S3Error('BadDigest', {
    message: `The ${algorithm.toLowerCase()} you specified for part ${part.number} did not match what we received.`,
  });
}
