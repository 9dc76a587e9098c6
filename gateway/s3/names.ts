/**
 * Names of buckets and keys. Sources: Amazon S3 User Guide, "General purpose bucket naming rules" and
 * "Naming Amazon S3 objects".
 */
import { S3Error } from './errors.ts';

const minBucketNameLength = 3;
const maxBucketNameLength = 63;
const reservedPrefixes = ['xn--', 'sthree-', 'amzn-s3-demo-'];
const reservedSuffixes = ['-s3alias', '--ol-s3', '.mrap', '--x-s3', '--table-s3'];
const bucketName = /^[a-z0-9][a-z0-9.-]*[a-z0-9]$/;
const ipAddress = /^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$/;
/** The labels of a bucket's host name must be host names themselves: no `a.-b`, no `a..b`. */
const brokenLabel = /\.\.|\.-|-\./;

/** What S3 took before its names were host names, and Cumulus always: reachable by path alone. */
const oldBucketName = /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/;

/** True for a name that a bucket may have. */
export function isBucketName(name: string): boolean {
  return (
    name.length >= minBucketNameLength &&
    name.length <= maxBucketNameLength &&
    bucketName.test(name) &&
    !ipAddress.test(name) &&
    !brokenLabel.test(name) &&
    !reservedPrefixes.some((prefix) => name.startsWith(prefix)) &&
    !reservedSuffixes.some((suffix) => name.endsWith(suffix))
  );
}

/** True for a name with upper case, underscores, or up to 255 characters too. */
export function isOldBucketName(name: string): boolean {
  return oldBucketName.test(name) && !ipAddress.test(name);
}

/** Throws 400 InvalidBucketName. */
export function checkBucketName(name: string, rule: (name: string) => boolean): void {
  if (!rule(name)) throw new S3Error('InvalidBucketName', { fields: { BucketName: name } });
}

/** Of the UTF-8 form. */
export const maxKeyBytes = 1024;

/**
 * Throws 400 KeyTooLongError. "You can use any UTF-8 character in an object key name" ("Naming Amazon S3
 * objects"), NUL and other controls too; an empty key names the bucket, not an object.
 */
export function checkKey(key: string): void {
  // Three bytes a UTF-16 unit at most: short keys need no counting.
  if (key.length * 3 <= maxKeyBytes) return;
  const size = Buffer.byteLength(key);
  if (size <= maxKeyBytes) return;
  throw new S3Error('KeyTooLongError', {
    fields: { Size: String(size), MaxSizeAllowed: String(maxKeyBytes) },
  });
}
