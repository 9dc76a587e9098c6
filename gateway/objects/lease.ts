/** Read leases around work that waits. */
import type { BlobSeer } from '../../blobseer-client/index.ts';

/** Holds a lease while `work` runs. */
export async function withLease<T>(blobseer: BlobSeer, work: () => Promise<T>): Promise<T> {
  const lease = blobseer.beginRead();
  try {
    return await work();
  } finally {
    lease.release();
  }
}
