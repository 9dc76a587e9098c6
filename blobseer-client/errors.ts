/**
 * What can go wrong in BlobSeer, as few kinds as a caller has answers for.
 * (slatedb's RFC 7: rich inside, coarse outside.) The gateway maps kinds to S3 codes in one file.
 */
export type BlobSeerErrorKind =
  /** The argument makes no sense: a negative offset, a page size that is no power of two. */
  | 'invalid-argument'
  /** No such blob, snapshot or page. */
  | 'not-found'
  /** Somebody else was first: the base is no longer the newest snapshot. Read again, try again. */
  | 'conflict'
  /** Bytes on disk are not those that were written. The message names the page. Never retried. */
  | 'corrupt'
  /** No room left (or below the watermark that keeps deletes possible). */
  | 'no-space'
  /** The directory may not be read or written by this user. */
  | 'denied'
  /** This operation failed (an I/O error while its own new pages were written); others go on. */
  | 'unavailable'
  /** The engine has stopped (a failed data sync, or closed): nothing more can be acknowledged. */
  | 'stopped';

export class BlobSeerError extends Error {
  readonly kind: BlobSeerErrorKind;

  constructor(kind: BlobSeerErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'BlobSeerError';
    this.kind = kind;
  }
}
