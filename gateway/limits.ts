/**
 * Every bound of the HTTP surface in one place, each with its reason. Limits of S3 itself (key length,
 * object size, keys per DeleteObjects) live with the operations that hold them.
 */

const kib = 1024;
const mib = 1024 * kib;

export interface Limits {
  /** Request line and headers together. S3 allows 8 KB of headers; a presigned URL of a 1 KiB key adds 4. */
  readonly maxHeaderBytes: number;
  /** Header lines. Clients send about 20, metadata at most some hundred (2 KB of it). */
  readonly maxHeaderCount: number;
  /** The longest wait for the next byte of a body, in either direction, up to an eighth more. The total is unbounded. */
  readonly bodyIdleTimeoutMs: number;
  /** The longest wait for the header section of a request, and for the fields of a form. */
  readonly headersTimeoutMs: number;
  /** How long an idle connection is kept. Above the 60 s of SDK pools, which would race a close. */
  readonly keepAliveTimeoutMs: number;
  /**
   * After an error on an unread body: what is read and thrown away, so that the answer arrives. Not little: a client
   * may look for an answer only when a write is through, and find that write failed (libuv writes up to 32 times
   * before it reads).
   */
  readonly drainBytes: number;
  readonly drainTimeoutMs: number;
  /** Before such an error: how much of a body, and for how long, is read for the connection's sake. */
  readonly smallBodyBytes: number;
  readonly smallBodyTimeoutMs: number;
  /** A document where its operation names no limit of its own. */
  readonly maxDocumentBytes: number;
  /** Body pieces waiting in memory per request before the socket is paused. */
  readonly bodyQueueBytes: number;
  /** At shutdown: how long running requests may go on. */
  readonly shutdownDrainMs: number;
}

export const defaultLimits: Limits = Object.freeze({
  maxHeaderBytes: 32 * kib,
  maxHeaderCount: 500,
  bodyIdleTimeoutMs: 60_000,
  headersTimeoutMs: 60_000,
  keepAliveTimeoutMs: 75_000,
  drainBytes: 64 * mib,
  drainTimeoutMs: 5_000,
  smallBodyBytes: 64 * kib,
  smallBodyTimeoutMs: 100,
  maxDocumentBytes: mib,
  bodyQueueBytes: 256 * kib,
  shutdownDrainMs: 30_000,
});
