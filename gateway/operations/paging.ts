/** Parameters of paged lists: counts, opaque tokens, and the URL encoding of names. */

import { listingEncoder } from '../s3/encoding.ts';
import { invalidArgument } from '../s3/errors.ts';
import type { ByteRange, MarkupBytes } from '../s3/markup-bytes.ts';
import type { Query } from './operation.ts';

/** Most entries of one page, of every list but ListBuckets. */
export const maxPageSize = 1000;

/** Highest count S3 takes; above the page's own limit it is clamped to that. */
const maxCount = 2 ** 31 - 1;

/**
 * `max-keys` and its kin. Absent or empty means the most; negative or no number is InvalidArgument.
 */
export function pageSize(query: Query, name: string): number {
  const text = query.get(name);
  return text === undefined || text === '' ? maxPageSize : Math.min(count(name, text), maxPageSize);
}

export function count(name: string, text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value <= maxCount)) {
    throw invalidArgument(
      name,
      text,
      `Argument ${name} must be an integer between 0 and ${maxCount}`,
    );
  }
  return value;
}

const tokenForm = /^[A-Za-z0-9_-]+$/;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Continuation tokens are opaque to clients: base64url of the last name, always valid in a URL. */
export function encodeToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

/** Throws InvalidArgument for what `encodeToken` never wrote. An empty token starts at the beginning. */
export function decodeToken(token: string): string {
  if (token === '') return '';
  try {
    if (tokenForm.test(token)) return strictUtf8.decode(Buffer.from(token, 'base64url'));
  } catch {
    // Not UTF-8: falls through to the refusal.
  }
  throw invalidArgument(
    'continuation-token',
    token,
    'The continuation token provided is incorrect',
  );
}

/** How names are written in an answer: as they are, or percent-encoded for `encoding-type=url`. */
export type NameWriter = (name: string) => string;
/** The same of a name in UTF-8. */
export type NameBytesWriter = (into: MarkupBytes, name: ByteRange) => void;

export function nameWriter(query: Query): {
  readonly write: NameWriter;
  readonly writeBytes: NameBytesWriter;
  readonly encodingType: string | undefined;
} {
  const encodingType = query.get('encoding-type');
  const write = listingEncoder(encodingType);
  return { write, writeBytes: encodingType === undefined ? asText : asUri, encodingType };
}

const asText: NameBytesWriter = (into, name) => into.utf8(name);
const asUri: NameBytesWriter = (into, name) => into.uri(name);
