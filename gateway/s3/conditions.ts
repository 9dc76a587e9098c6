/**
 * Conditional requests as pure functions over what is known of an object: reads, copy sources, writes
 * and deletes. Sources: RFC 9110 section 13; Amazon S3 User Guide, "Add preconditions to S3 operations
 * with conditional requests", "How to perform conditional deletes".
 *
 * More is accepted than AWS does: If-None-Match with an ETag and If-Match: * on writes, and size and
 * time conditions on deletes outside directory buckets.
 */
import { httpDate, parseDate, parseHttpDate, wholeSeconds } from './dates.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { HeaderReader } from './headers.ts';

/** What conditions are compared with. */
export interface Validators {
  /** Without quotes. */
  readonly etag: string;
  readonly modifiedMs: number;
  readonly size: number;
}

/**
 * Conditions of GET and HEAD. Throws 412 PreconditionFailed with Condition, or 304 NotModified with
 * ETag, Last-Modified and `notModifiedHeaders` (the version id).
 */
export function checkRead(
  headers: HeaderReader,
  object: Validators,
  notModifiedHeaders: () => Readonly<Record<string, string>> = () => ({}),
): void {
  const failed = failedCondition(headers, ofObject, object);
  if (failed === undefined) return;
  if (failed === 'If-Match' || failed === 'If-Unmodified-Since') throw preconditionFailed(failed);
  throw new S3Error('NotModified', {
    headers: {
      ETag: `"${object.etag}"`,
      'Last-Modified': httpDate(object.modifiedMs),
      ...notModifiedHeaders(),
    },
  });
}

const copySourcePrefix = 'x-amz-copy-source-';

interface ConditionNames {
  readonly ifMatch: string;
  readonly ifUnmodifiedSince: string;
  readonly ifNoneMatch: string;
  readonly ifModifiedSince: string;
}

function conditionNames(prefix: string): ConditionNames {
  return {
    ifMatch: `${prefix}if-match`,
    ifUnmodifiedSince: `${prefix}if-unmodified-since`,
    ifNoneMatch: `${prefix}if-none-match`,
    ifModifiedSince: `${prefix}if-modified-since`,
  };
}

const ofObject = conditionNames('');
const ofCopySource = conditionNames(copySourcePrefix);

/** The x-amz-copy-source-if-* conditions: whichever fails is 412 PreconditionFailed. */
export function checkCopySource(headers: HeaderReader, source: Validators): void {
  const failed = failedCondition(headers, ofCopySource, source);
  if (failed !== undefined) throw preconditionFailed(`${copySourcePrefix}${failed}`);
}

type ReadCondition = 'If-Match' | 'If-Unmodified-Since' | 'If-None-Match' | 'If-Modified-Since';

/**
 * The first condition that does not hold, in the order of RFC 9110 section 13.2.2: each date condition
 * counts only where the ETag condition beside it is absent. An invalid date is as none.
 */
function failedCondition(
  headers: HeaderReader,
  names: ConditionNames,
  object: Validators,
): ReadCondition | undefined {
  const modified = wholeSeconds(object.modifiedMs);
  const ifMatch = headers.get(names.ifMatch);
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, object.etag, 'strong')) return 'If-Match';
  } else {
    const unmodifiedSince = dateSeconds(headers.get(names.ifUnmodifiedSince));
    if (unmodifiedSince !== undefined && modified > unmodifiedSince) return 'If-Unmodified-Since';
  }
  const ifNoneMatch = headers.get(names.ifNoneMatch);
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, object.etag, 'weak') ? 'If-None-Match' : undefined;
  }
  const modifiedSince = dateSeconds(headers.get(names.ifModifiedSince));
  return modifiedSince !== undefined && modified <= modifiedSince ? 'If-Modified-Since' : undefined;
}

export interface WriteConditions {
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** The conditions of PutObject, CompleteMultipartUpload and CopyObject on what they replace. */
export function writeConditions(headers: HeaderReader): WriteConditions {
  return { ifMatch: headers.get('if-match'), ifNoneMatch: headers.get('if-none-match') };
}

/**
 * To be called inside the commit. `current` is undefined where there is no object, a delete marker
 * included. Throws 412 PreconditionFailed, or 404 NoSuchKey for If-Match on an absent key.
 */
export function checkWrite(
  conditions: WriteConditions,
  current: Validators | undefined,
  key: string,
): void {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch !== undefined) {
    if (current === undefined) throw new S3Error('NoSuchKey', { fields: { Key: key } });
    if (!matches(ifMatch, current.etag, 'strong')) throw preconditionFailed('If-Match');
  }
  if (ifNoneMatch !== undefined && current !== undefined) {
    if (matches(ifNoneMatch, current.etag, 'weak')) throw preconditionFailed('If-None-Match');
  }
}

export interface DeleteConditions {
  readonly ifMatch: string | undefined;
  readonly size: number | undefined;
  readonly modifiedMs: number | undefined;
}

const sizeHeader = 'x-amz-if-match-size';
const timeHeader = 'x-amz-if-match-last-modified-time';

/** The conditions of DeleteObject. Throws InvalidArgument for a malformed size or time. */
export function deleteConditions(headers: HeaderReader): DeleteConditions {
  return parseDeleteConditions({
    etag: headers.get('if-match'),
    size: headers.get(sizeHeader),
    modified: headers.get(timeHeader),
  });
}

/** The same from the texts of an Object in DeleteObjects (ETag, Size, LastModifiedTime). */
export function parseDeleteConditions(texts: {
  readonly etag: string | undefined;
  readonly size: string | undefined;
  readonly modified: string | undefined;
}): DeleteConditions {
  const modifiedMs = texts.modified === undefined ? undefined : parseDate(texts.modified);
  if (texts.modified !== undefined && modifiedMs === undefined) {
    throw invalidArgument(timeHeader, texts.modified);
  }
  if (texts.size !== undefined && !/^[0-9]{1,15}$/.test(texts.size)) {
    throw invalidArgument(sizeHeader, texts.size);
  }
  return {
    ifMatch: texts.etag,
    size: texts.size === undefined ? undefined : Number(texts.size),
    modifiedMs,
  };
}

/**
 * To be called inside the commit, with the version that would be deleted. If-Match on an absent key is
 * 404 NoSuchKey, on a delete marker 412, the AWS way; the other two let what is absent pass.
 */
export function checkDelete(
  conditions: DeleteConditions,
  current: Validators | 'delete-marker' | undefined,
  key: string,
): void {
  const { ifMatch, size, modifiedMs } = conditions;
  if (current === undefined || current === 'delete-marker') {
    if (ifMatch === undefined) return;
    if (current === 'delete-marker') throw preconditionFailed('If-Match');
    throw new S3Error('NoSuchKey', { fields: { Key: key } });
  }
  if (ifMatch !== undefined && !matches(ifMatch, current.etag, 'strong')) {
    throw preconditionFailed('If-Match');
  }
  if (size !== undefined && size !== current.size) throw preconditionFailed(sizeHeader);
  if (modifiedMs !== undefined && wholeSeconds(modifiedMs) !== wholeSeconds(current.modifiedMs)) {
    throw preconditionFailed(timeHeader);
  }
}

function preconditionFailed(condition: string): S3Error {
  return new S3Error('PreconditionFailed', { fields: { Condition: condition } });
}

function dateSeconds(text: string | undefined): number | undefined {
  const timeMs = text === undefined ? undefined : parseHttpDate(text);
  return timeMs === undefined ? undefined : wholeSeconds(timeMs);
}

/** An entity tag with or without its quotes: clients leave them out. */
const entityTag = /(W\/)?"([^"]*)"|([^",\s]+)/g;

/**
 * Whether a list of entity tags, or `*`, holds this one. Strong comparison passes over weak tags (RFC
 * 9110 section 8.8.3.2); ETags of S3 are always strong.
 */
function matches(header: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (header.trim() === '*') return true;
  for (const [, weak, quoted, bare] of header.matchAll(entityTag)) {
    if ((quoted ?? bare) === etag && (weak === undefined || comparison === 'weak')) return true;
  }
  return false;
}
