/**
 * Who signed the policy of a POST form. The signature covers the field `policy` alone, byte for byte
 * as it was sent; whether the other fields meet the policy, and whether it has expired, is judged by
 * who reads it.
 *
 * Sources: "Authenticating Requests: Browser-Based Uploads Using POST (AWS Signature Version 4)",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html; for version 2
 * "Upload examples", https://docs.aws.amazon.com/AmazonS3/latest/userguide/HTTPPOSTExamples.html.
 */
import { S3Error } from '../s3/errors.ts';
import { isoSeconds, parseAmzDate } from './amz-date.ts';
import type { Credentials } from './authenticate.ts';
import {
  asymmetricAlgorithm,
  authorizationArgument,
  queryError,
  readCredential,
  unsupportedMechanism,
} from './credential.ts';
import type { Identity } from './identity.ts';
import { signatureDoesNotMatch } from './mismatch.ts';
import { maxSkewMs } from './parse-authorization.ts';
import type { SigningKeys } from './signing-keys.ts';
import { signaturesV2Equal, signatureV2Of } from './sigv2.ts';
import { algorithm, signatureOf, signaturesEqual } from './sigv4.ts';

export interface FormAuthInput {
  /** Form field names in lower case, values as sent. A form with a repeated field is refused before. */
  readonly fields: ReadonlyMap<string, string>;
  readonly nowMs: number;
  /** Undefined accepts any region. */
  readonly region: string | undefined;
  /** Whether Signature Version 2 is served. */
  readonly sigv2: boolean;
  readonly lookup: (accessKey: string) => Credentials | undefined;
  readonly signingKeys: SigningKeys;
}

export type FormAuth =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'signed'; readonly identity: Identity };

/** In the order in which S3 misses them. */
const version4Fields = ['x-amz-signature', 'x-amz-algorithm', 'x-amz-credential', 'x-amz-date'];
const version2Fields = ['signature', 'awsaccesskeyid'];

/** How S3 spells the fields in its errors. */
const spelling: Readonly<Record<string, string>> = {
  policy: 'Policy',
  signature: 'Signature',
  awsaccesskeyid: 'AWSAccessKeyId',
  'x-amz-signature': 'X-Amz-Signature',
  'x-amz-algorithm': 'X-Amz-Algorithm',
  'x-amz-credential': 'X-Amz-Credential',
  'x-amz-date': 'X-Amz-Date',
};

/** Throws S3Error for everything that is neither anonymous nor verified. */
export function authenticateForm(input: FormAuthInput): FormAuth {
  const { fields } = input;
  const isVersion4 = version4Fields.some((name) => fields.has(name));
  const isVersion2 = version2Fields.some((name) => fields.has(name));
  if (!isVersion4 && !isVersion2) {
    // Without a policy the form asks for what everybody may do; with one it claims a signer.
    if (fields.has('policy')) throw new S3Error('AccessDenied');
    return { kind: 'anonymous' };
  }
  if (isVersion4 && isVersion2) {
    throw authorizationArgument(
      'Only one auth mechanism allowed; only the X-Amz-Signature field or the Signature field should be specified',
    );
  }
  if (isVersion2 && !input.sigv2) throw unsupportedMechanism();
  const missing = [...(isVersion4 ? version4Fields : version2Fields), 'policy'].find(
    (name) => !fields.has(name),
  );
  if (missing !== undefined) throw missingField(missing);
  // Nothing here gives out temporary credentials, so no token can be a valid one.
  if (field(fields, 'x-amz-security-token') !== '') throw new S3Error('InvalidToken');
  const identity = isVersion4 ? verifyVersion4(input) : verifyVersion2(input);
  return { kind: 'signed', identity };
}

function verifyVersion4(input: FormAuthInput): Identity {
  const { fields, region, signingKeys } = input;
  const requestedAlgorithm = field(fields, 'x-amz-algorithm');
  if (requestedAlgorithm === asymmetricAlgorithm) throw unsupportedMechanism();
  if (requestedAlgorithm !== algorithm) {
    throw queryError(`X-Amz-Algorithm only supports "${algorithm}"`);
  }
  const dateText = field(fields, 'x-amz-date');
  const timeMs = parseAmzDate(dateText);
  if (timeMs === undefined) {
    throw queryError("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  // The policy's own expiration bounds its life; a date to come was never a time of signing.
  if (timeMs - input.nowMs > maxSkewMs) {
    throw new S3Error('AccessDenied', {
      message: 'Request is not yet valid',
      fields: { 'X-Amz-Date': dateText, ServerTime: isoSeconds(input.nowMs) },
    });
  }
  // The AWS SDK for .NET puts a slash behind it (https://github.com/aws/aws-sdk-net/issues/556).
  const credentialText = field(fields, 'x-amz-credential').replace(/\/$/, '');
  const { accessKey, scope } = readCredential(credentialText, 'query', region);
  if (scope.date !== dateText.slice(0, 8)) {
    throw queryError(
      `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${dateText.slice(0, 8)}".`,
    );
  }
  const { identity, secret } = credentialsOf(input, accessKey);
  const policy = latin1Of(field(fields, 'policy'));
  const provided = field(fields, 'x-amz-signature');
  const key = signingKeys.find(accessKey, secret, scope);
  if (!signaturesEqual(signatureOf(key.hmac, policy), provided)) {
    throw signatureDoesNotMatch({ accessKey, provided, stringToSign: policy });
  }
  signingKeys.remember(key);
  return identity;
}

function verifyVersion2(input: FormAuthInput): Identity {
  const { fields } = input;
  const accessKey = field(fields, 'awsaccesskeyid');
  const { identity, secret } = credentialsOf(input, accessKey);
  const policy = latin1Of(field(fields, 'policy'));
  const provided = field(fields, 'signature');
  if (!signaturesV2Equal(signatureV2Of(secret, policy), provided)) {
    throw signatureDoesNotMatch({ accessKey, provided, stringToSign: policy });
  }
  return identity;
}

function credentialsOf(input: FormAuthInput, accessKey: string): Credentials {
  const credentials = input.lookup(accessKey);
  if (credentials === undefined) {
    throw new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: accessKey } });
  }
  return credentials;
}

function field(fields: ReadonlyMap<string, string>, name: string): string {
  return fields.get(name) ?? '';
}

/** The signers take one character per byte; a policy is base64, but need not be what it should. */
function latin1Of(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function missingField(name: string): S3Error {
  const shown = spelling[name] ?? name;
  return new S3Error('InvalidArgument', {
    message: `Bucket POST must contain a field named '${shown}'.  If it is specified, please check the order of the fields.`,
    fields: { ArgumentName: shown, ArgumentValue: '' },
  });
}
