/** The public face of the BlobSeer client: the only file of this folder that others may import. */

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
export type { CheckOptions, CheckReport, Reference } from './embedded/check.ts';
export { databaseFile } from './embedded/directory.ts';
export { EmbeddedBlobSeer, type EmbeddedOptions, openEmbedded } from './embedded/embedded.ts';
export type { EngineRole } from './engine.ts';
export { BlobSeerError, type BlobSeerErrorKind } from './errors.ts';
export { type Deployment, readDeployment } from './remote/deployment.ts';
export type { RangeQuery, Row, Store, Table, Transaction } from './store.ts';
export { maxTableKeyBytes } from './store.ts';
