/** Signed requests for the tests of this folder, made with the functions under test. */
import type { AuthenticateInput } from './authenticate.ts';
import { SigningKeys } from './signing-keys.ts';
import {
  canonicalHeaderValues,
  canonicalParameters,
  canonicalPath,
  canonicalQuery,
  canonicalRequest,
  deriveSigningKey,
  type Pair,
  signatureOf,
  stringToSign,
  unsignedPayload,
} from './sigv4.ts';
import {
  exampleAccessKey,
  exampleDateLine,
  exampleNowMs,
  exampleScope,
  exampleSecret,
} from './sigv4.vectors.ts';

export const exampleIdentity = {
  userId: 'a'.repeat(64),
  accountId: '123456789012',
  displayName: 'example',
  accessKey: exampleAccessKey,
};

/** What `authenticate` takes, for the example's user at the example's time. */
export function inputOf(changes: Partial<AuthenticateInput>): AuthenticateInput {
  return {
    method: 'GET',
    rawPath: '/bucket/key',
    rawQuery: '',
    rawHeaders: [],
    nowMs: exampleNowMs,
    region: undefined,
    sigv2: false,
    hostBucket: undefined,
    subResources: new Set(),
    lookup: (accessKey) =>
      accessKey === exampleAccessKey
        ? { identity: exampleIdentity, secret: exampleSecret }
        : undefined,
    signingKeys: new SigningKeys(),
    ...changes,
  };
}

export interface Signing {
  readonly method?: string;
  readonly rawPath?: string;
  readonly rawQuery?: string;
  /** Without Authorization. */
  readonly headers?: readonly Pair[];
  /** Default: all of the headers. */
  readonly signedHeaders?: readonly string[];
  readonly payloadHash?: string;
  readonly credential?: string;
  readonly dateLine?: string;
  /** The path in the canonical request, where it is not the canonical one. */
  readonly signedPath?: string;
}

const credentialText = `${exampleAccessKey}/20130524/us-east-1/s3/aws4_request`;
const host: Pair = ['Host', 's3.example.com'];

/** A request signed by header. */
export function signed(signing: Signing): AuthenticateInput {
  const headers = signing.headers ?? [
    host,
    ['X-Amz-Date', exampleDateLine],
    ['X-Amz-Content-Sha256', unsignedPayload],
  ];
  const values = canonicalHeaderValues(headers);
  const signedHeaders = signing.signedHeaders ?? [...values.keys()].sort();
  const signature = signatureFor(signing, values, signedHeaders, signing.rawQuery ?? '');
  const authorization = `AWS4-HMAC-SHA256 Credential=${signing.credential ?? credentialText}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
  return inputOf({
    method: signing.method ?? 'GET',
    rawPath: signing.rawPath ?? '/bucket/key',
    rawQuery: signing.rawQuery ?? '',
    rawHeaders: [...headers, ['Authorization', authorization]],
  });
}

/** A presigned request; parameters given replace the usual ones, `undefined` leaves one out. */
export function presigned(
  signing: Signing,
  parameters: Readonly<Record<string, string | undefined>> = {},
): AuthenticateInput {
  const headers = signing.headers ?? [host];
  const values = canonicalHeaderValues(headers);
  const signedHeaders = signing.signedHeaders ?? [...values.keys()].sort();
  const all: Record<string, string | undefined> = {
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': signing.credential ?? credentialText,
    'X-Amz-Date': exampleDateLine,
    'X-Amz-Expires': '3600',
    'X-Amz-SignedHeaders': signedHeaders.join(';'),
    ...parameters,
  };
  const query = [
    signing.rawQuery ?? '',
    ...Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    ),
  ]
    .filter((part) => part !== '')
    .join('&');
  const signature =
    'X-Amz-Signature' in parameters
      ? undefined
      : signatureFor(signing, values, signedHeaders, query);
  return inputOf({
    method: signing.method ?? 'GET',
    rawPath: signing.rawPath ?? '/bucket/key',
    rawQuery: signature === undefined ? query : `${query}&X-Amz-Signature=${signature}`,
    rawHeaders: headers,
  });
}

function signatureFor(
  signing: Signing,
  values: ReadonlyMap<string, string>,
  signedHeaders: readonly string[],
  rawQuery: string,
): string {
  const canonical = canonicalRequest({
    method: signing.method ?? 'GET',
    path: signing.signedPath ?? canonicalPath(signing.rawPath ?? '/bucket/key'),
    query: canonicalQuery(canonicalParameters(rawQuery)),
    headers: values,
    signedHeaders,
    payloadHash: signing.payloadHash ?? values.get('x-amz-content-sha256') ?? unsignedPayload,
  });
  const text = stringToSign(canonical, signing.dateLine ?? exampleDateLine, exampleScope);
  return signatureOf(deriveSigningKey(exampleSecret, exampleScope), text);
}
