/**
 * The embedded engine: BlobSeer's four roles in one process over one directory, which several
 * processes may share. `blobseer.mdb` (LMDB) holds everything but the pages of large writes, which
 * lie in `pages/`.
 */
import path from 'node:path';
import { levelCounts } from '../algorithms/geometry.ts';
import { Engine, type EngineOptions } from '../engine.ts';
import { crowdedReadLimits, manyStreams, readLimits, treeFanOut } from '../limits.ts';
import { embeddedPageSizes, fixedPageSizes } from '../page-sizes.ts';
import { Check } from './check.ts';
import { type Directory, openDirectory } from './directory.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { freeUnits } from './free-units.ts';
import { Holds } from './holds.ts';
import { PageBuffers } from './page-buffers.ts';
import { PageFiles, pagesDirectory } from './page-files.ts';
import { EmbeddedPageReader } from './page-reader.ts';
import { PageSink } from './page-sink.ts';
import { Reclaim } from './reclaim.ts';
import { Rewrite } from './rewrite.ts';
import type { CheckOptions, CheckReport } from './snapshot-check.ts';
import { SpaceGuard } from './space.ts';
import { Sweep } from './sweep.ts';
import { openTables, type Tables } from './tables.ts';
import type { PageTree } from './tree-records.ts';
import { EmbeddedVersionManager } from './version-manager.ts';

export interface EmbeddedOptions extends EngineOptions {
  readonly disk?: Disk;
}

export async function openEmbedded(options: EmbeddedOptions): Promise<EmbeddedBlobSeer> {
  const disk = options.disk ?? nodeDisk;
  const opened = await openDirectory({ ...options, disk, kind: 'embedded' });
  return new EmbeddedBlobSeer({ ...options, disk }, opened);
}

export class EmbeddedBlobSeer extends Engine<PageTree> {
  private readonly directory: Directory;
  private readonly tables: Tables;
  private readonly versionManager: EmbeddedVersionManager;

  constructor(options: EmbeddedOptions & { readonly disk: Disk }, opened: Directory) {
    const { directory, disk, pageSize } = options;
    const { environment, ids, instance } = opened;
    const nowMs = options.nowMs ?? Date.now;
    const holds = new Holds(environment, nowMs);
    const tables = openTables(environment);
    const stop = (cause: unknown) => environment.stop(cause);
    const buffers = new PageBuffers([crowdedReadLimits.maxRunBytes, readLimits.maxRunBytes]);
    const pageFiles = new PageFiles(disk, path.join(directory, pagesDirectory), stop);
    const space = new SpaceGuard(disk, directory, nowMs);
    const versions = new EmbeddedVersionManager(tables);
    const refresh = (): void => environment.refresh();
    const sweep = new Sweep(environment, tables, pageFiles, holds);
    const rewrite = new Rewrite(environment, tables, pageFiles, space, instance.id);
    const reclaim = new Reclaim({
      store: environment,
      tables,
      versions,
      visibleSlots: ({ visiblePages }) => levelCounts(visiblePages, treeFanOut),
      free: (transaction, runs) => freeUnits(transaction, tables, runs),
    });
    super(options, {
      environment,
      tables,
      ids,
      instance,
      holds,
      pageSizes: pageSize === undefined ? embeddedPageSizes : fixedPageSizes(pageSize),
      roles: {
        versionManager: versions,
        metadataProvider: versions,
        dataProvider: {
          readLimits: (otherStreams) =>
            otherStreams < manyStreams ? readLimits : crowdedReadLimits,
          openReader: () => new EmbeddedPageReader(tables, pageFiles, buffers, refresh),
        },
        providerManager: {
          newId: () => ids.take(),
          place: (writeId, pageSize) => {
            const name = { instance: instance.id, fileId: writeId, generation: 0 };
            return new PageSink({ pageFiles, space, name, pageSize, tables });
          },
        },
      },
      cleaning: {
        bury: (instanceId) => sweep.bury(instanceId),
        reclaim: (bound) => reclaim.slice(bound),
        steps: [
          () => sweep.unlinkDoomed(),
          (isStopping) => rewrite.one(isStopping),
          () => sweep.unlinkDoomed(),
        ],
      },
    });
    this.directory = opened;
    this.tables = tables;
    this.versionManager = versions;
  }

  /** Walks everything and verifies every page and reference; see check.ts. */
  async check(options: CheckOptions): Promise<CheckReport> {
    return await this.underLease(async () => {
      const reader = this.roles.dataProvider.openReader();
      try {
        const { environment } = this.directory;
        const check = new Check(environment, this.tables, this.versionManager, reader);
        return await check.run(options);
      } finally {
        await reader.close();
      }
    });
  }
}
