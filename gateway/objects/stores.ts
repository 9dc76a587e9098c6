/** What objects are made of: bytes in a BlobSeer, names in a namespace, and the time. */
import type { BlobSeer } from '../../blobseer-client/index.ts';
import type { Clock } from '../clock.ts';
import type { Namespace } from '../namespace/namespace.ts';

export interface Stores {
  readonly blobseer: BlobSeer;
  readonly namespace: Namespace;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly config: Rules;
}

/** Where this gateway differs from S3 in what may be done to objects. */
export interface Rules {
  /** WRITE on an object is the right to replace and to delete it. */
  readonly cumulus: boolean;
}
