/**
 * What the namespace refuses, as few kinds as a caller has answers for. The gateway maps the kinds
 * to S3 codes in one place; nothing here knows HTTP.
 */
export type NamespaceErrorKind =
  /** The key is empty, too long, or no valid text: `isStorableKey` tells beforehand. */
  | 'bad-key'
  /** The argument makes no sense: a marker that is no version id, a part number out of range. */
  | 'invalid-argument'
  /** The bucket is gone, perhaps since the request began. */
  | 'no-such-bucket'
  /** The upload has been completed or aborted, perhaps since the request began. */
  | 'no-such-upload'
  /** The version was removed between the look-up and the reading of its extents or parts. */
  | 'no-such-version'
  /** The owner's quota has no room for it. */
  | 'over-quota'
  /** The access key belongs to another user. */
  | 'access-key-taken'
  /** A row cannot be read: it is damaged, or a later release wrote it. Never retried. */
  | 'corrupt';

export class NamespaceError extends Error {
  readonly kind: NamespaceErrorKind;

  constructor(kind: NamespaceErrorKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'NamespaceError';
    this.kind = kind;
  }
}
