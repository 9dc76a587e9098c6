/** The list of signed headers, of an Authorization header or a presigned URL. */
import { malformed, queryError, type Via } from './credential.ts';

/** RFC 9110 section 5.6.2. */
const headerName = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;

/** In lower case, sorted. Throws S3Error. */
export function readSignedHeaders(text: string, via: Via, region: string | undefined): string[] {
  const names = text.toLowerCase().split(';').sort();
  if (!names.every((name) => headerName.test(name))) {
    const fault = 'the SignedHeaders are mal-formed; expecting "host;x-amz-date".';
    throw via === 'header' ? malformed(via, fault, region) : queryError(fault);
  }
  return names;
}
