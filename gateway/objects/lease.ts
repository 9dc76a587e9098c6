/** Read leases that may be released twice: at the end of a stream and again by its abort. */
import type { BlobSeer, ReadLease } from '../../blobseer-client/index.ts';

/** Taken before the lookup of what is to be read. */
export function takeLease(blobseer: BlobSeer): ReadLease {
  const lease = blobseer.beginRead();
  let held = true;
  return {
    release() {
      if (held) lease.release();
      held = false;
    },
  };
}

/** Holds a lease while `work` runs. */
export async function withLease<T>(blobseer: BlobSeer, work: () => Promise<T>): Promise<T> {
  const lease = takeLease(blobseer);
  try {
    return await work();
  } finally {
    lease.release();
  }
}
