/**
 * Signature Version 2 as pure functions: strings in, strings out. Old clients and forms use it; it
 * signs neither the body nor most headers, so it is served only where the operator says so.
 *
 * Source: "Signing and authenticating REST requests", Amazon S3 User Guide.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** HMAC-SHA1 in base64: 28 characters. `text` has one character per byte. */
export function signatureV2Of(secret: string, text: string): string {
  return createHmac('sha1', secret).update(text, 'latin1').digest('base64');
}

/** Compares in time that does not depend on where they differ; a signature's length is no secret. */
export function signaturesV2Equal(computed: string, provided: string): boolean {
  const a = Buffer.from(computed);
  const b = Buffer.from(provided);
  return b.length === a.length && timingSafeEqual(a, b);
}
