/**
 * What an S3 operation is: a row of the table in index.ts. A handler turns an `S3Request` into an
 * `S3Response`; it never sees koa or sockets, and it writes nothing to the wire itself.
 */
import type { Identity } from '../auth/identity.ts';
import type { Bucket } from '../namespace/namespace.ts';
import type { BucketPermission, ObjectPermission } from '../s3/acl.ts';
import type { FormFields } from '../s3/form-fields.ts';
import type { Services } from '../services.ts';

export type { Identity } from '../auth/identity.ts';

export type Level = 'service' | 'bucket' | 'object';

/** Query parameters as they stand in the URL, decoded (plus stays plus), in order, repeats kept. */
export interface Query {
  /** Undefined when absent; '' for a parameter without value. The first of several. */
  get(name: string): string | undefined;
  has(name: string): boolean;
  readonly entries: readonly (readonly [string, string])[];
}

/**
 * Request headers by lower-case name. Values are as sent, one character per byte (latin1): text beyond
 * ASCII has to be decoded by who reads it. Repeats are joined with a comma.
 */
export interface Headers {
  get(name: string): string | undefined;
  /** All headers whose name starts with the prefix, in order, names in lower case. */
  withPrefix(prefix: string): readonly (readonly [string, string])[];
}

export interface S3Request {
  readonly requestId: string;
  readonly hostId: string;
  readonly method: string;
  /** The resource as the client named it, raw (still percent-encoded), for error documents. */
  readonly resource: string;
  readonly bucket: string;
  readonly key: string;
  /**
   * The bucket, loaded by the pipeline: filled for bucket and object level
   * (an absent one was answered NoSuchBucket), except for CreateBucket.
   */
  readonly bucketRecord: Bucket | undefined;
  readonly query: Query;
  readonly headers: Headers;
  /** The row's. */
  readonly access: Access;
  /** Undefined for an anonymous request. */
  readonly identity: Identity | undefined;
  /** Body kind 'form': its fields up to the file; they meet its policy. The key is among them. */
  readonly form?: FormFields;
  /**
   * Body kinds 'stream' and 'form': the object's bytes, de-framed; it throws (S3Error) where length,
   * payload hash or a chunk signature is wrong or the form is, at the latest at its end. Empty for the
   * other kinds.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Body kind 'xml': the verified document's bytes, within the row's limit. Empty for the others. */
  readonly document: Buffer;
  /** Length of the de-framed body where the client told it. */
  readonly decodedLength: number | undefined;
  /** Trailing headers by lower-case name, filled when the body has ended. */
  readonly trailers: ReadonlyMap<string, string>;
  /**
   * Present where the signature covers the hash of a streamed body: its SHA-256 (32 bytes), undefined
   * before the body has ended.
   */
  readonly payloadSha256?: () => Buffer | undefined;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** True over TLS. */
  readonly secure: boolean;
  /** scheme://host[:port] as the client sees it, for Location. */
  readonly origin: string;
}

/** A stream's piece is looked at only until the next one is asked for: its memory may be used again then. */
export type ResponseBody = string | Buffer | AsyncIterable<Buffer>;

export interface S3Response {
  readonly status: number;
  /** Content-Length is set by the pipeline for strings and buffers; by the handler for streams. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: ResponseBody;
}

export type BodyKind =
  /** No body is expected; one that comes is drained within bounds and ignored. */
  | 'none'
  /** A document, read whole within `maxDocumentBytes`, its Content-MD5 and checksum verified. */
  | 'xml'
  /** An object's bytes. */
  | 'stream'
  /** multipart/form-data whose fields say who sends an object's bytes, and where to (PostObject). */
  | 'form';

/**
 * Who may: everything is denied that this does not allow. The first three are decided by
 * pipeline/admit.ts before the handler runs, the others by it or with it, as each says.
 */
export type Access =
  /** Any user; never anonymous. */
  | 'signed'
  /** The bucket's owner: settings, and whatever ACLs do not speak of. */
  | 'bucket-owner'
  /** Whoever the bucket's ACL grants it. */
  | `bucket:${BucketPermission}`
  /** Whoever the ACL of the version grants it: decided where the version is found (objects/find.ts). */
  | `object:${ObjectPermission}`
  /** The upload's initiator and the bucket's owner: decided where the upload is found. */
  | 'upload'
  /** Bucket WRITE, but who signs is answered key by key (DeleteObjects). */
  | 'each-key'
  /** A preflight is nobody's: it tells what the bucket's rules say and nothing else. */
  | 'anyone';

export interface Operation {
  /** The S3 action's name, verbatim: 'PutObject'. */
  readonly name: string;
  /** The IAM action: 's3:PutObject'. */
  readonly iamAction: string;
  readonly access: Access;
  readonly level: Level;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'OPTIONS';
  /** Sub-resources (query parameters) that must all be present: ['uploadId', 'partNumber']. */
  readonly query?: readonly string[];
  /** A header that must be present: 'x-amz-copy-source'. */
  readonly header?: string;
  readonly body: BodyKind;
  /** Body kind 'xml' only. */
  readonly maxDocumentBytes?: number;
  /** Levels beside `level` at which it is the same operation. */
  readonly alsoAt?: readonly Level[];
  /** Its bucket need not exist yet: the pipeline does not load it. */
  readonly createsBucket?: boolean;
  /** Never authenticated, whatever the request carries; the pipeline does not load its bucket. */
  readonly isUnsigned?: boolean;
  /** Body kind 'xml' only: x-amz-checksum-* headers speak of the object, not of the document. */
  readonly checksumsOfObject?: boolean;
  /** Body kind 'xml' only: refused unless Content-MD5 or a checksum covers the document. */
  readonly requiresDigest?: boolean;
  /** Absent: recognised, answered NotImplemented by name (after authentication). */
  readonly handler?: (request: S3Request, services: Services) => Promise<S3Response> | S3Response;
}
