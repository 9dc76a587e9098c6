/**
 * Headers that S3 knows and this gateway does not: where ignoring one would change the result, the
 * request is refused by that header's name.
 */
import { notImplemented } from '../s3/errors.ts';
import type { Headers } from './operation.ts';

const refusedPrefixes: readonly string[] = [
  'x-amz-server-side-encryption',
  'x-amz-copy-source-server-side-encryption',
  'x-amz-object-lock-',
];
const refusedHeaders: readonly string[] = ['x-amz-write-offset-bytes', 'x-amz-mfa'];

/** Throws NotImplemented by the header's name. */
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
}
