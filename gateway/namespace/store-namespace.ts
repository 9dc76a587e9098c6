/**
 * The namespace over a store's tables: `openNamespace` is what main.ts calls. The work is done by
 * the parts it is put together from; keys.ts and version-records.ts say what the rows look like.
 */
import type { Problem, Reference, Transaction } from '../../blobseer-client/index.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type BucketQuery, Buckets } from './buckets.ts';
import type { Context, Storage } from './context.ts';
import { isVersionId } from './ids.ts';
import { inspect } from './inspect.ts';
import { leaveBucket, sweepLeftovers } from './leftovers.ts';
import type {
  AccessKey,
  Acl,
  Bucket,
  BucketDraft,
  BucketSetting,
  DeleteOutcome,
  Extent,
  ListEnd,
  ListPage,
  ListQuery,
  ListVisitor,
  Namespace,
  ObjectOwnership,
  ObjectPart,
  ObjectVersion,
  Part,
  Upload,
  UploadDraft,
  UploadListPage,
  UploadListQuery,
  Usage,
  User,
  VersionChange,
  VersionDraft,
  VersioningState,
  VersionListEnd,
  VersionListQuery,
} from './namespace.ts';
import { ObjectListing } from './object-listing.ts';
import { Owners } from './owners.ts';
import { openTables } from './tables.ts';
import { Uploads } from './uploads.ts';
import { Usages } from './usages.ts';
import { Users } from './users.ts';
import { maxRowBytesInEntry, VersionRows } from './version-rows.ts';
import { Versions } from './versions.ts';

/**
 * Opens (on first use: makes) the namespace in a BlobSeer's store. Call it once per process. A limit of 0 makes
 * it write as the releases did before there were rows in entries.
 */
export function openNamespace(
  blobseer: Storage,
  clock: Pick<Clock, 'randomBytes'> = systemClock,
  rowBytesInEntry = maxRowBytesInEntry,
): Namespace {
  return new StoreNamespace(blobseer, clock, rowBytesInEntry);
}

class StoreNamespace implements Namespace {
  private readonly context: Context;
  private readonly userTable: Users;
  private readonly bucketTable: Buckets;
  private readonly versions: Versions;
  private readonly listing: ObjectListing;
  private readonly uploadTable: Uploads;

  constructor(blobseer: Storage, clock: Pick<Clock, 'randomBytes'>, rowBytesInEntry: number) {
    const tables = openTables(blobseer.store);
    const owners = new Owners(tables.owners);
    const versionRows = new VersionRows(tables, owners, rowBytesInEntry);
    const stored = { store: blobseer.store, tables, owners, versionRows };
    this.context = {
      ...stored,
      usages: new Usages(stored),
      clock,
      bury: (transaction, refs, record) => blobseer.bury(transaction, refs, record),
    };
    this.userTable = new Users(this.context);
    this.bucketTable = new Buckets(this.context);
    this.versions = new Versions(this.context, this.bucketTable);
    this.listing = new ObjectListing(this.context, this.bucketTable);
    this.uploadTable = new Uploads(this.context, this.bucketTable);
  }

  refresh(): void {
    this.context.store.refresh();
  }

  user(id: string): User | undefined {
    return this.userTable.byId(id);
  }

  userByAccessKey(accessKey: string): { user: User; key: AccessKey } | undefined {
    return this.userTable.byAccessKey(accessKey);
  }

  users(): User[] {
    return this.userTable.all();
  }

  putUser(transaction: Transaction, user: User): void {
    this.userTable.put(transaction, user);
  }

  removeUser(transaction: Transaction, id: string): boolean {
    return this.userTable.remove(transaction, id);
  }

  usage(ownerId: string): Usage | undefined {
    return this.context.usages.of(ownerId);
  }

  requireRoom(ownerId: string, bytes: number): void {
    this.context.usages.requireRoom(ownerId, bytes);
  }

  setQuota(transaction: Transaction, ownerId: string, limitBytes: number | undefined): void {
    this.context.usages.setLimit(transaction, ownerId, limitBytes);
  }

  countUsage(): Promise<boolean> {
    return this.context.usages.count();
  }

  bucket(name: string, within?: Transaction): Bucket | undefined {
    if (within !== undefined) return this.bucketTable.within(within, name);
    return this.bucketTable.byName(name);
  }

  buckets(query: BucketQuery): ListPage<Bucket> {
    return this.bucketTable.list(query);
  }

  createBucket(transaction: Transaction, draft: BucketDraft): Bucket | undefined {
    return this.bucketTable.create(transaction, draft);
  }

  setVersioning(transaction: Transaction, bucketId: number, state: 'Enabled' | 'Suspended'): void {
    this.bucketTable.setVersioning(transaction, bucketId, state);
  }

  setBucketAcl(transaction: Transaction, bucketId: number, acl: Acl): void {
    this.bucketTable.setAcl(transaction, bucketId, acl);
  }

  setOwnership(
    transaction: Transaction,
    bucketId: number,
    ownership: ObjectOwnership | undefined,
  ): void {
    this.bucketTable.setOwnership(transaction, bucketId, ownership);
  }

  bucketSetting(bucketId: number, setting: BucketSetting): Buffer | undefined {
    return this.bucketTable.setting(bucketId, setting);
  }

  putBucketSetting(
    transaction: Transaction,
    bucketId: number,
    setting: BucketSetting,
    document: Buffer | undefined,
  ): void {
    this.bucketTable.putSetting(transaction, bucketId, setting, document);
  }

  deleteBucket(transaction: Transaction, bucketId: number): boolean {
    if (!this.bucketTable.remove(transaction, bucketId)) return false;
    leaveBucket(this.context, transaction, bucketId);
    return true;
  }

  bucketById(id: number): Bucket | undefined {
    return this.bucketTable.byId(id);
  }

  current(bucketId: number, key: string, versioning?: VersioningState): ObjectVersion | undefined {
    return this.versions.current(bucketId, key, versioning);
  }

  version(bucketId: number, key: string, versionId: string): ObjectVersion | undefined {
    return this.versions.version(bucketId, key, versionId);
  }

  isVersionId(text: string): boolean {
    return isVersionId(text);
  }

  extents(bucketId: number, version: ObjectVersion): Extent[] {
    return this.versions.extents(bucketId, version);
  }

  parts(bucketId: number, version: ObjectVersion): ObjectPart[] {
    return this.versions.parts(bucketId, version);
  }

  putVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    draft: VersionDraft,
  ): ObjectVersion {
    return this.versions.put(transaction, bucket, key, draft);
  }

  deleteObject(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    marker: { ownerId: string; modifiedMs: number },
  ): DeleteOutcome {
    return this.versions.delete(transaction, bucket, key, marker);
  }

  deleteVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
  ): DeleteOutcome {
    return this.versions.deleteVersion(transaction, bucket, key, versionId);
  }

  amendVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
    change: VersionChange,
  ): boolean {
    return this.versions.amend(transaction, bucket, key, versionId, change);
  }

  listObjects(bucketId: number, query: ListQuery, visitor: ListVisitor): ListEnd {
    return this.listing.objects(bucketId, query, visitor);
  }

  listVersions(bucketId: number, query: VersionListQuery, visitor: ListVisitor): VersionListEnd {
    return this.listing.versions(bucketId, query, visitor);
  }

  createUpload(transaction: Transaction, bucketId: number, draft: UploadDraft): Upload {
    return this.uploadTable.create(transaction, bucketId, draft);
  }

  upload(bucketId: number, key: string, uploadId: string): Upload | undefined {
    return this.uploadTable.get(bucketId, key, uploadId);
  }

  putPart(transaction: Transaction, upload: Upload, part: Part): void {
    this.uploadTable.putPart(transaction, upload, part);
  }

  uploadParts(upload: Upload, after: number, limit: number): Part[] {
    return this.uploadTable.parts(upload, after, limit);
  }

  endUpload(transaction: Transaction, upload: Upload, kept: ReadonlySet<number>): void {
    this.uploadTable.end(transaction, upload, kept);
  }

  listUploads(bucketId: number, query: UploadListQuery): UploadListPage {
    return this.uploadTable.list(bucketId, query);
  }

  async sweep(): Promise<boolean> {
    return (await sweepLeftovers(this.context)) || (await this.countUsage());
  }

  inspect(): Iterable<Reference | Problem> {
    return inspect(this.context);
  }
}
