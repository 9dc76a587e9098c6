/** What a dead process was about to write: its intents say which providers may have pages of it. */
import { idKey } from '../../embedded/records.ts';
import type { Store } from '../../store.ts';
import type { Closings } from './closings.ts';
import type { Homes } from './homes.ts';
import { releasesAtOnce } from './limits.ts';
import type { Placements } from './placements.ts';
import { decodeIntent } from './records.ts';
import type { Releases } from './releases.ts';
import type { Repairs } from './repairs.ts';
import type { RemoteTables } from './tables.ts';

export interface BurialParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly placements: Placements;
  readonly homes: Homes;
  readonly releases: Releases;
  readonly repairs: Repairs;
  readonly closings: Closings;
}

/** The process's row goes last: as long as it stands, this is due again after a crash. */
export async function bury(parts: BurialParts, instanceId: number): Promise<void> {
  const { store, tables } = parts;
  // A process killed while it committed may leave a commit that is seen only after the next one.
  await store.commit(() => undefined);
  while (await buryIntents(parts, instanceId));
  await store.commit((transaction) => {
    transaction.remove(tables.instances, idKey(instanceId));
  });
}

async function buryIntents(parts: BurialParts, instanceId: number): Promise<boolean> {
  const { store, tables, placements, homes, releases, repairs, closings } = parts;
  const range = { start: idKey(instanceId), end: idKey(instanceId + 1), limit: releasesAtOnce };
  return await store.commit((transaction) => {
    const rows = tables.intents.range(range);
    for (const { key, value } of rows) {
      const { blobId, providers, taken } = decodeIntent(value);
      const writeId = key.readUIntBE(6, 6);
      const items = [placements.names.writePrefix(writeId)];
      for (const number of providers) {
        releases.defer(
          transaction,
          { kind: 'provider', number },
          { call: 'release-writes', items },
        );
      }
      if (taken !== undefined) closings.put(transaction, taken, writeId);
      // It may have taken a ticket that nobody knows of.
      const home = homes.recorded(blobId);
      if (home !== undefined) repairs.put(transaction, home);
      transaction.remove(tables.intents, key);
    }
    return rows.length === releasesAtOnce;
  });
}
