/**
 * The namespace port: buckets, keys, versions, uploads, users. Records and their order, nothing about
 * bytes (BlobSeer's) and nothing about HTTP. Reads are synchronous and see the newest commit; writes
 * take the transaction of the commit they belong to. Keys sort by their UTF-8 bytes.
 * What it refuses (a bucket or upload that is gone, a key that cannot be stored) it throws as a
 * `NamespaceError` (errors.ts), which undoes the commit.
 */
import type { Problem, Reference, SnapshotRef, Transaction } from '../../blobseer-client/index.ts';

export type VersioningState = 'Unversioned' | 'Enabled' | 'Suspended';

/**
 * Canned ACLs by their names in x-amz-acl. Of a bucket: 'private', 'public-read', 'public-read-write',
 * 'authenticated-read', 'log-delivery-write'; of an object: all but the last.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
 */
export type CannedAcl =
  | 'private'
  | 'public-read'
  | 'public-read-write'
  | 'authenticated-read'
  | 'aws-exec-read'
  | 'bucket-owner-read'
  | 'bucket-owner-full-control'
  | 'log-delivery-write';

export interface Grant {
  readonly grantee:
    | { readonly kind: 'user'; readonly id: string }
    | { readonly kind: 'group'; readonly uri: string };
  readonly permission: 'FULL_CONTROL' | 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';
}

/** A canned ACL, or a list of grants that none says; the owner's own are among them, or not. */
export type Acl = CannedAcl | readonly Grant[];

/**
 * Who owns what others upload, and whether ACLs count at all.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
 */
export type ObjectOwnership = 'ObjectWriter' | 'BucketOwnerPreferred' | 'BucketOwnerEnforced';

/** A bucket's settings that are kept as documents beside it: read only by who needs them. */
export type BucketSetting = 'cors' | 'tagging';

export interface Bucket {
  /** Never reused: a bucket deleted and made again has another id. */
  readonly id: number;
  readonly name: string;
  readonly ownerId: string;
  readonly createdMs: number;
  readonly versioning: VersioningState;
  /** As given in LocationConstraint; '' for us-east-1. */
  readonly location: string;
  readonly acl: Acl;
  /** Undefined where nobody has configured it. */
  readonly ownership?: ObjectOwnership;
}

/** What the maker of a bucket decides. */
export type BucketDraft = Omit<Bucket, 'id' | 'versioning'>;

export interface User {
  readonly id: string;
  /** 12 digits; what x-amz-expected-bucket-owner is compared with. */
  readonly accountId: string;
  readonly displayName: string;
  readonly createdMs: number;
  readonly keys: readonly AccessKey[];
}

export interface AccessKey {
  readonly accessKey: string;
  readonly secret: string;
  readonly createdMs: number;
}

/** Of an owner with a quota. */
export interface Usage {
  readonly limitBytes: number;
  /** Of all versions and parts; what is still to be counted is not in it. */
  readonly usedBytes: number;
  /** False while what the owner had before the quota is being counted. */
  readonly isCounted: boolean;
}

/** A piece of an object version: `length` bytes from `offset` of a snapshot. */
export interface Extent {
  readonly snapshot: SnapshotRef;
  readonly offset: number;
  readonly length: number;
}

export type ChecksumAlgorithm =
  | 'CRC32'
  | 'CRC32C'
  | 'CRC64NVME'
  | 'MD5'
  | 'SHA1'
  | 'SHA256'
  | 'SHA512'
  | 'XXHASH128'
  | 'XXHASH3'
  | 'XXHASH64';
export type ChecksumType = 'FULL_OBJECT' | 'COMPOSITE';

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  /** Base64, with `-N` behind it where composite. */
  readonly value: string;
}

/** What S3 keeps beside the bytes, as the client sent it. */
export interface ObjectHeaders {
  /** Lower-case header name to value: content-type, cache-control, content-disposition,
   * content-encoding, content-language, expires, x-amz-website-redirect-location. */
  readonly system: Readonly<Record<string, string>>;
  /** User metadata without the x-amz-meta- prefix, names in lower case, values as text. */
  readonly user: Readonly<Record<string, string>>;
}

/** One part of a completed multipart object. */
export interface ObjectPart {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  readonly checksum?: Checksum;
}

/** What the writer of a version decides; the namespace adds id and sequence. */
export interface VersionDraft {
  readonly isDeleteMarker: boolean;
  readonly size: number;
  /** Without quotes; '' for a delete marker. */
  readonly etag: string;
  readonly modifiedMs: number;
  readonly ownerId: string;
  /** Undefined is 'private'. */
  readonly acl?: Acl;
  readonly storageClass: string;
  readonly headers: ObjectHeaders;
  readonly checksum?: Checksum;
  readonly tags?: Readonly<Record<string, string>>;
  readonly extents: readonly Extent[];
  /** Empty for an object that was not uploaded in parts. */
  readonly parts: readonly ObjectPart[];
}

/** What may be changed of a version that is there. */
export type VersionChange = Partial<Pick<VersionDraft, 'tags' | 'acl'>>;

/** A version as HEAD needs it. Extents and parts are read apart: there may be 10,000. */
export interface ObjectVersion extends Omit<VersionDraft, 'extents' | 'parts'> {
  readonly key: string;
  /** 'null' or an opaque id. */
  readonly versionId: string;
  /** Commit sequence of its birth: among the versions of a key the greatest is the current one. */
  readonly sequence: number;
  readonly partCount: number;
}

/** Bytes [start, end) of a buffer; `toString` takes them for UTF-8. */
export interface Bytes {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  toString(): string;
}

/**
 * A line of a listing: what ListObjects answers per key, no more. It stands for each line in turn and is
 * the next one when the visitor returns: what is kept must be taken out of it.
 */
export interface ListedObject {
  readonly key: Bytes;
  readonly versionId: Bytes;
  readonly isDeleteMarker: boolean;
  readonly isLatest: boolean;
  readonly size: number;
  readonly etag: string;
  /** The 16 bytes that the ETag tells in hexadecimal, where it is nothing else. */
  readonly digest: Bytes | undefined;
  readonly modifiedMs: number;
  readonly ownerId: string;
  readonly storageClass: string;
  /** The same object for the same kind. */
  readonly checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined;
}

/** Is given the lines of a page in order. */
export interface ListVisitor {
  object(line: ListedObject): void;
  commonPrefix(prefix: Bytes): void;
}

export interface ListQuery {
  readonly prefix: string;
  /** '' for none. Any length. */
  readonly delimiter: string;
  /**
   * Start strictly after this key (marker, start-after, continuation). A common prefix that was
   * already answered is skipped whole when `after` is that prefix.
   */
  readonly after: string;
  /** Keys and common prefixes together; 0 to 1000. */
  readonly limit: number;
}

/** How a page of lines that were visited ended. */
export interface ListEnd {
  /** Of keys and common prefixes. */
  readonly count: number;
  readonly isTruncated: boolean;
  /** The last key or common prefix of this page in order: the next page's `after`. */
  readonly last: string;
}

export interface ListPage<Item> {
  readonly items: readonly Item[];
  readonly commonPrefixes: readonly string[];
  readonly isTruncated: boolean;
  /** The last key or common prefix of this page in order: the next page's `after`. */
  readonly last: string;
}

export interface VersionListQuery extends ListQuery {
  /** Start after this version of the key `after`; '' to start after all versions of it. */
  readonly afterVersionId: string;
}

export interface VersionListEnd extends ListEnd {
  /** With `last`, the next page's markers; '' when the page ended with a common prefix. */
  readonly lastVersionId: string;
}

export interface UploadDraft {
  readonly key: string;
  readonly ownerId: string;
  readonly initiatorId: string;
  readonly initiatedMs: number;
  /** Of the object it becomes; undefined is 'private'. */
  readonly acl?: Acl;
  readonly storageClass: string;
  readonly headers: ObjectHeaders;
  readonly tags?: Readonly<Record<string, string>>;
  readonly checksum?: Pick<Checksum, 'algorithm' | 'type'>;
}

export interface Upload extends UploadDraft {
  readonly bucketId: number;
  readonly uploadId: string;
  /** Rises with every part stored: Complete reads the parts before its commit and checks it inside. */
  readonly generation: number;
}

export interface Part {
  readonly number: number;
  readonly size: number;
  readonly etag: string;
  readonly modifiedMs: number;
  readonly extents: readonly Extent[];
  /** Every checksum known for the part; the first is the upload's own algorithm where it has one. */
  readonly checksums: readonly Checksum[];
}

export interface UploadListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly keyMarker: string;
  readonly uploadIdMarker: string;
  readonly limit: number;
}

export interface UploadListPage extends ListPage<Upload> {
  readonly lastUploadId: string;
}

/** What a delete did. */
export interface DeleteOutcome {
  /** The version removed, or the delete marker written; undefined where nothing was there. */
  readonly versionId: string | undefined;
  /** True when a delete marker was written or the version removed was one. */
  readonly isDeleteMarker: boolean;
}

export interface Namespace {
  /** Makes reads see every commit acknowledged by any process. First call of every request. */
  refresh(): void;

  // --- users
  user(id: string): User | undefined;
  userByAccessKey(accessKey: string): { user: User; key: AccessKey } | undefined;
  users(): User[];
  /** Adds or replaces; index of access keys follows. Throws when an access key is another user's. */
  putUser(transaction: Transaction, user: User): void;
  removeUser(transaction: Transaction, id: string): boolean;

  // --- quotas: what exceeds one is refused in its commit, as `over-quota`
  /** Undefined for an owner without a quota. */
  usage(ownerId: string): Usage | undefined;
  /** Throws `over-quota` where so many bytes more would be too many. */
  requireRoom(ownerId: string, bytes: number): void;
  /** What the owner has already is counted by `countUsage`. Undefined takes the quota away. */
  setQuota(transaction: Transaction, ownerId: string, limitBytes: number | undefined): void;
  /** Counts for new quotas, a slice a call; true while more is left. `sweep` does it too. */
  countUsage(): Promise<boolean>;

  // --- buckets
  /** Inside a commit that says which it is, a second look costs nothing. */
  bucket(name: string, within?: Transaction): Bucket | undefined;
  buckets(query: {
    ownerId: string;
    prefix: string;
    after: string;
    limit: number;
  }): ListPage<Bucket>;
  /** Undefined when the name is taken. */
  createBucket(transaction: Transaction, draft: BucketDraft): Bucket | undefined;
  setVersioning(transaction: Transaction, bucketId: number, state: 'Enabled' | 'Suspended'): void;
  setBucketAcl(transaction: Transaction, bucketId: number, acl: Acl): void;
  /** Undefined removes it. */
  setOwnership(
    transaction: Transaction,
    bucketId: number,
    ownership: ObjectOwnership | undefined,
  ): void;
  /** The document as it was put; undefined where the bucket has none. */
  bucketSetting(bucketId: number, setting: BucketSetting): Buffer | undefined;
  /** Replaces it, or removes it for `undefined`. Goes with its bucket. */
  putBucketSetting(
    transaction: Transaction,
    bucketId: number,
    setting: BucketSetting,
    document: Buffer | undefined,
  ): void;
  /** False when an object, version or delete marker is left. Open uploads are aborted with it. */
  deleteBucket(transaction: Transaction, bucketId: number): boolean;
  /** Undefined once the bucket is gone: inside a commit, the check that it still exists. */
  bucketById(id: number): Bucket | undefined;

  // --- objects
  /**
   * The newest version of a key, delete markers too. `versioning`: the bucket's state as the caller knows
   * it, where no harm is done by its being an older one; it saves a look for delete markers.
   */
  current(bucketId: number, key: string, versioning?: VersioningState): ObjectVersion | undefined;
  /** By id, 'null' included. */
  version(bucketId: number, key: string, versionId: string): ObjectVersion | undefined;
  /** 'malformed' ids cannot be of any version: InvalidArgument rather than NoSuchVersion. */
  isVersionId(text: string): boolean;
  extents(bucketId: number, version: ObjectVersion): Extent[];
  parts(bucketId: number, version: ObjectVersion): ObjectPart[];
  /**
   * Makes the draft the current version. Follows the bucket's versioning state: Enabled keeps what
   * was, Suspended replaces the null version, Unversioned replaces the only one. What is replaced
   * goes to the graves. The extents' references are handed over with the draft.
   */
  putVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    draft: VersionDraft,
  ): ObjectVersion;
  /** Without an id: a delete as the bucket's versioning state has it (delete marker or removal). */
  deleteObject(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    marker: { ownerId: string; modifiedMs: number },
  ): DeleteOutcome;
  /** Removes one version for good; the next newest becomes current. */
  deleteVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
  ): DeleteOutcome;

  /**
   * Replaces tags or ACL of a version that is there: false where it is not. It stays what it is
   * otherwise.
   */
  amendVersion(
    transaction: Transaction,
    bucket: Bucket,
    key: string,
    versionId: string,
    change: VersionChange,
  ): boolean;

  /** Keys whose current version is an object. Cost follows the answer, not what lies between. */
  listObjects(bucketId: number, query: ListQuery, visitor: ListVisitor): ListEnd;
  listVersions(bucketId: number, query: VersionListQuery, visitor: ListVisitor): VersionListEnd;

  // --- multipart uploads
  createUpload(transaction: Transaction, bucketId: number, draft: UploadDraft): Upload;
  upload(bucketId: number, key: string, uploadId: string): Upload | undefined;
  /** Stores or replaces a part; a replaced one goes to the graves. */
  putPart(transaction: Transaction, upload: Upload, part: Part): void;
  /** In part order, those with a number above `after`. */
  uploadParts(upload: Upload, after: number, limit: number): Part[];
  /**
   * Ends an upload. Parts whose numbers are in `kept` have handed their extents to a version; all
   * others are buried. The part records themselves are removed later, in slices.
   */
  endUpload(transaction: Transaction, upload: Upload, kept: ReadonlySet<number>): void;
  listUploads(bucketId: number, query: UploadListQuery): UploadListPage;

  /** Removes what ended uploads and deleted buckets left, and counts, a slice a call; true while more is left. */
  sweep(): Promise<boolean>;

  /** For `check`: every reference on a snapshot that this namespace holds, and what is wrong among its own rows. */
  inspect(): Iterable<Reference | Problem>;
}
