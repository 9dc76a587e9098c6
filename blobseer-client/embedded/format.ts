/** The format of a data directory: a newer one is refused, rather than misread. */
import { BlobSeerError } from '../errors.ts';
import type { Store } from '../store.ts';

/** Rises with every change of the records or of the directory that an older program would misread. */
export const formatVersion = 1;
const formatKey = Buffer.from('format');

export async function checkFormat(store: Store): Promise<void> {
  const meta = store.table('meta');
  const found = meta.get(formatKey)?.readUInt32BE();
  if (found === undefined) {
    const value = Buffer.alloc(4);
    value.writeUInt32BE(formatVersion);
    await store.commit((transaction) => transaction.put(meta, formatKey, value));
  } else if (found > formatVersion) {
    throw new BlobSeerError(
      'invalid-argument',
      `the data directory has format ${found}, this program knows ${formatVersion}: use a newer one`,
    );
  }
}
