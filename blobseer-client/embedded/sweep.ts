/**
 * Removes page files that belong to nobody: those whose records a commit removed (doomed), and those
 * that a dead process had written without reaching its commit. Files of the living are theirs.
 */
import type { Store } from '../store.ts';
import { doomedKey, doomedName } from './free-units.ts';
import type { Holds } from './holds.ts';
import type { PageFiles } from './page-files.ts';
import { decodeFile, idKey } from './records.ts';
import type { Tables } from './tables.ts';

const namesAtOnce = 500;

export class Sweep {
  private readonly store: Store;
  private readonly tables: Tables;
  private readonly pageFiles: PageFiles;
  private readonly holds: Holds;

  constructor(store: Store, tables: Tables, pageFiles: PageFiles, holds: Holds) {
    this.store = store;
    this.tables = tables;
    this.pageFiles = pageFiles;
    this.holds = holds;
  }

  /**
   * Unlinks doomed files, unless a checkpoint is being made: it may have to copy them yet. Whatever was doomed
   * after a checkpoint's view is seen together with its hold. True when there may be more.
   */
  async unlinkDoomed(): Promise<boolean> {
    this.store.refresh();
    if (this.holds.stand()) return false;
    const keys = this.tables.doomed.keys({ limit: namesAtOnce });
    if (keys.length === 0) return false;
    for (const key of keys) await this.pageFiles.remove(doomedName(key));
    await this.store.commit((transaction) => {
      for (const key of keys) transaction.remove(this.tables.doomed, key);
    });
    return keys.length === namesAtOnce;
  }

  /**
   * Removes what a dead instance left without a record, then the instance's row: as long as the row
   * stands, the sweep is due again after a crash. The records are read after the death, so that
   * whatever the dead one had committed is among them. That takes a commit first: a process killed
   * between writing LMDB's root and announcing it leaves a commit that no reader sees until the next
   * writer takes over the lock of the dead and finds it.
   */
  async bury(instance: number): Promise<void> {
    await this.store.commit(() => undefined);
    for (const name of await this.pageFiles.filesOf(instance)) {
      this.store.refresh();
      const bytes = this.tables.files.get(idKey(name.fileId));
      const record = bytes && decodeFile(bytes);
      const isNamed = record?.instance === instance && record.generation === name.generation;
      // What has had a record is doomed: it waits for its turn, and for holds.
      if (isNamed || this.tables.doomed.has(doomedKey(name))) continue;
      await this.pageFiles.remove(name);
    }
    await this.pageFiles.pruneDirectories(instance);
    await this.store.commit((transaction) => {
      transaction.remove(this.tables.instances, idKey(instance));
    });
  }
}
