/**
 * Headers that S3 knows and this gateway does not: where ignoring one would change the result, the
 * request is refused by that header's name. Access lists are off, as in any new bucket of AWS
 * (BucketOwnerEnforced): only those two canned lists pass that grant nothing to anybody else.
 */
import { invalidArgument, notImplemented, S3Error } from '../s3/errors.ts';
import type { Headers } from './operation.ts';

const refusedPrefixes: readonly string[] = [
  'x-amz-server-side-encryption',
  'x-amz-copy-source-server-side-encryption',
  'x-amz-object-lock-',
  'x-amz-grant-',
];
const refusedHeaders: readonly string[] = ['x-amz-write-offset-bytes', 'x-amz-mfa'];

const grantsNobody: ReadonlySet<string> = new Set(['private', 'bucket-owner-full-control']);
/** Amazon S3 User Guide, "Canned ACL". */
const otherCannedAcls: ReadonlySet<string> = new Set([
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'log-delivery-write',
]);

/** Throws NotImplemented by the header's name, AccessControlListNotSupported, InvalidArgument. */
export function refuseUnsupported(headers: Headers): void {
  for (const prefix of refusedPrefixes) {
    const found = headers.withPrefix(prefix)[0];
    if (found !== undefined) throw notImplemented(found[0]);
  }
  for (const name of refusedHeaders) {
    if (headers.get(name) !== undefined) throw notImplemented(name);
  }
  // "True" makes a bucket with object lock; "false" asks for what every bucket here is.
  const lock = headers.get('x-amz-bucket-object-lock-enabled');
  if (lock !== undefined && lock.toLowerCase() !== 'false') {
    throw notImplemented('x-amz-bucket-object-lock-enabled');
  }
  const namespace = headers.get('x-amz-bucket-namespace');
  if (namespace !== undefined && namespace !== 'global') {
    throw notImplemented('x-amz-bucket-namespace');
  }
  checkCannedAcl(headers.get('x-amz-acl'));
}

function checkCannedAcl(acl: string | undefined): void {
  if (acl === undefined || grantsNobody.has(acl)) return;
  if (otherCannedAcls.has(acl)) throw new S3Error('AccessControlListNotSupported');
  throw invalidArgument('x-amz-acl', acl);
}
