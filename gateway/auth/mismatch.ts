/**
 * The answer to a wrong signature. It shows what was computed, which is how people find out what
 * their client or proxy changed.
 */
import { S3Error } from '../s3/errors.ts';

export interface Mismatch {
  readonly accessKey: string;
  readonly provided: string;
  /** One character per byte, as it was hashed. */
  readonly stringToSign: string;
  /** Signature Version 4 has one, of a request that is no form. */
  readonly canonicalRequest?: string;
}

export function signatureDoesNotMatch(mismatch: Mismatch): S3Error {
  const { accessKey, provided, stringToSign, canonicalRequest } = mismatch;
  return new S3Error('SignatureDoesNotMatch', {
    fields: {
      AWSAccessKeyId: accessKey,
      ...shown('StringToSign', stringToSign),
      SignatureProvided: provided,
      ...(canonicalRequest === undefined ? {} : shown('CanonicalRequest', canonicalRequest)),
    },
  });
}

function shown(name: string, text: string): Record<string, string> {
  const bytes = Buffer.from(text, 'latin1');
  return {
    [name]: bytes.toString(),
    [`${name}Bytes`]: bytes.toString('hex').replace(/..(?!$)/g, '$& '),
  };
}
