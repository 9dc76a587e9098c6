/** The public face of the BlobSeer client: the only file of this folder that others may import. */

import type { EmbeddedBlobSeer as Embedded } from './embedded/embedded.ts';
import type { RemoteBlobSeer as Remote } from './remote/engine/remote.ts';

/** A BlobSeer of either kind, as its owner opens it. */
export type OpenedBlobSeer = Embedded | Remote;

export { Blob, type WriteOptions } from './blob.ts';
export type {
  BlobId,
  BlobSeer,
  ByteRange,
  ByteSource,
  ReadLease,
  SnapshotInfo,
  SnapshotRef,
  StagedWrite,
  StageOptions,
} from './blobseer.ts';
export { databaseFile } from './embedded/directory.ts';
export { EmbeddedBlobSeer, type EmbeddedOptions, openEmbedded } from './embedded/embedded.ts';
export type { CheckOptions, CheckReport, Problem, Reference } from './embedded/snapshot-check.ts';
export type { EngineOptions, EngineRole } from './engine.ts';
export { BlobSeerError, type BlobSeerErrorKind } from './errors.ts';
export { PackedRows } from './packed-rows.ts';
export { Cluster } from './remote/cluster.ts';
export { type Deployment, readDeployment } from './remote/deployment.ts';
export {
  type Coordinates,
  openRemote,
  RemoteBlobSeer,
  type RemoteOptions,
} from './remote/engine/remote.ts';
export { PlainBlob, type PlainVersion } from './remote/plain-blob.ts';
export { addressText } from './remote/remote-error.ts';
export { Security } from './remote/security.ts';
export type { RangeQuery, Repeating, Row, Store, Table, Transaction } from './store.ts';
export { maxTableKeyBytes } from './store.ts';
export { countReceived } from './young-garbage.ts';
