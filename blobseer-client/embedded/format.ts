/**
 * The format of a data directory: a newer one is refused, rather than misread, and so is another engine's. An
 * older one needs no conversion: what it has is read as it is, and from its upgrade on what is written is new.
 *
 * 1  the first release's
 * 2  bytes of inline pages beside their address (inline-pages.ts); no record of a blob that has its first version only
 * 3  rows of versions in their entries (the gateway's namespace/version-rows.ts)
 */
import { BlobSeerError } from '../errors.ts';
import type { Store } from '../store.ts';

/** Rises with every change of the records or of the directory that an older program would misread. */
export const formatVersion = 3;
const formatKey = Buffer.from('format');
const kindKey = Buffer.from('engine');

/** Where the pages are: in the directory, or in a BlobSeer on other machines. */
export type EngineKind = 'embedded' | 'remote';

/** Directories of before there were two kinds do not say theirs. */
const unnamedKind: EngineKind = 'embedded';

const kindNames: Readonly<Record<EngineKind, string>> = {
  embedded: 'the pages are in it: serve it without a BlobSeer of its own',
  remote: 'the pages are in a BlobSeer on other machines: name its configuration file',
};

/** Of a directory that was opened before. */
export function foundFormat(store: Store): { readonly format: number; readonly kind: EngineKind } {
  const meta = store.table('meta');
  return {
    format: meta.get(formatKey)?.readUInt32BE() ?? 0,
    kind: (meta.get(kindKey)?.toString() ?? unnamedKind) as EngineKind,
  };
}

/**
 * `upgrades`: whoever opens it may upgrade it, because no program serves it meanwhile. A tool may not, and
 * need not: it writes nothing of what has changed. Throws `invalid-argument`.
 */
export async function checkFormat(
  store: Store,
  kind: EngineKind,
  upgrades: boolean,
): Promise<void> {
  const meta = store.table('meta');
  const found = meta.get(formatKey)?.readUInt32BE();
  if (found === undefined) {
    await store.commit((transaction) => {
      transaction.put(meta, formatKey, formatValue());
      if (kind !== unnamedKind) transaction.put(meta, kindKey, Buffer.from(kind));
    });
    return;
  }
  if (found > formatVersion) {
    throw new BlobSeerError(
      'invalid-argument',
      `the data directory has format ${found}, this program knows ${formatVersion}: use a newer one`,
    );
  }
  const foundKind = (meta.get(kindKey)?.toString() ?? unnamedKind) as EngineKind;
  if (foundKind !== kind) {
    throw new BlobSeerError(
      'invalid-argument',
      `of the data directory ${kindNames[foundKind] ?? foundKind}`,
    );
  }
  if (found < formatVersion && upgrades) {
    await store.commit((transaction) => transaction.put(meta, formatKey, formatValue()));
  }
}

function formatValue(): Buffer {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(formatVersion);
  return value;
}
