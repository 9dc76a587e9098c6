/**
 * Says who a request comes from: the single entry of this folder for the pipeline. It needs the head
 * of a request only, never its body, so it can run before `100 Continue`.
 */
import { S3Error } from '../s3/errors.ts';
import { authenticateVersion2 } from './authenticate-v2.ts';
import { ChunkSigner } from './chunk-signer.ts';
import type { HmacKey } from './hmac.ts';
import type { Identity } from './identity.ts';
import { signatureDoesNotMatch } from './mismatch.ts';
import { mechanismOf, readClaim, type SignedClaim } from './parse-authorization.ts';
import { type PayloadKind, parsePayloadHash } from './payload.ts';
import type { SigningKeys } from './signing-keys.ts';
import {
  canonicalHeaderValues,
  canonicalParameters,
  canonicalPath,
  canonicalQuery,
  canonicalRequest,
  type Pair,
  signatureOf,
  signaturesEqual,
  stringToSign,
} from './sigv4.ts';

export interface AuthenticateInput {
  readonly method: string;
  /** Still percent-encoded, without the query. */
  readonly rawPath: string;
  /** Without the question mark; '' for none. */
  readonly rawQuery: string;
  /** In order, repeats kept, one character per byte: Node's rawHeaders in pairs. */
  readonly rawHeaders: readonly Pair[];
  readonly nowMs: number;
  /** Undefined accepts any region. */
  readonly region: string | undefined;
  /** Whether Signature Version 2 is served. */
  readonly sigv2: boolean;
  /** The bucket that the Host names, which version 2 signs; undefined in path style. */
  readonly hostBucket: string | undefined;
  /** Parameters that choose the operation: version 2 must sign them. */
  readonly subResources: ReadonlySet<string>;
  /**
   * What the client may have sent as Host, the likeliest first, where a proxy may have rewritten it.
   * Undefined: the Host header as it came.
   */
  readonly hosts?: readonly string[] | undefined;
  readonly lookup: (accessKey: string) => Credentials | undefined;
  readonly signingKeys: SigningKeys;
}

export interface Credentials {
  readonly identity: Identity;
  readonly secret: string;
}

export type Authenticated =
  | { readonly kind: 'anonymous'; readonly payload: PayloadKind }
  | {
      readonly kind: 'signed';
      readonly identity: Identity;
      readonly payload: PayloadKind;
      /** The host that was signed, where it is not the first of `hosts`. */
      readonly signedHost?: string;
      /** For the payload kinds `streaming-signed` and `streaming-signed-trailer`. */
      readonly chunkSigner?: ChunkSigner;
    };

/** Throws S3Error for everything that is neither anonymous nor verified. */
export function authenticate(input: AuthenticateInput): Authenticated {
  const headers = canonicalHeaderValues(input.rawHeaders, refuseRepeat);
  const parameters = canonicalParameters(input.rawQuery);
  if (input.sigv2) {
    const mechanism = mechanismOf(headers, parameters);
    if (mechanism?.version === 2) return authenticateVersion2(input, mechanism.via);
  }
  const claim = readClaim({ headers, parameters, nowMs: input.nowMs, region: input.region });
  if (claim === undefined) return { kind: 'anonymous', payload: anonymousPayload(headers) };

  refuseUnsignedHeaders(claim, headers);
  // Nothing here gives out temporary credentials, so no token can be a valid one. Refused before
  // the signature is looked at: the canonical request, which a mismatch answers with, never has a
  // token in it.
  if (claim.hasSessionToken) throw new S3Error('InvalidToken');

  const credentials = input.lookup(claim.accessKey);
  if (credentials === undefined) {
    throw new S3Error('InvalidAccessKeyId', { fields: { AWSAccessKeyId: claim.accessKey } });
  }
  const key = input.signingKeys.find(claim.accessKey, credentials.secret, claim.scope);
  const { dateLine, signedHost } = verify(input, claim, headers, parameters, key.hmac);
  input.signingKeys.remember(key);

  const { payload } = claim;
  // Field by field: each object with a spread in it has a shape that no other has.
  const signed: Writable<Signed> = { kind: 'signed', identity: credentials.identity, payload };
  if (signedHost !== undefined) signed.signedHost = signedHost;
  if (payload.kind === 'streaming-signed' || payload.kind === 'streaming-signed-trailer') {
    signed.chunkSigner = new ChunkSigner(key.hmac, dateLine, claim.scope, claim.signature);
  }
  return signed;
}

type Signed = Extract<Authenticated, { readonly kind: 'signed' }>;
type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

interface Verified {
  /** The one that the signature was made with. */
  readonly dateLine: string;
  /** Where it is not the first of the hosts. */
  readonly signedHost: string | undefined;
}

/**
 * Compares the signature; throws SignatureDoesNotMatch. Where clients are known to differ, or proxies
 * to rewrite, there is more than one right string; the likeliest is first, so that only a request
 * about to be refused pays for the others.
 */
function verify(
  input: AuthenticateInput,
  claim: SignedClaim,
  headers: ReadonlyMap<string, string>,
  parameters: readonly Pair[],
  signingKey: HmacKey,
): Verified {
  const query = canonicalQuery(
    claim.via === 'query' ? parameters.filter(([name]) => name !== 'X-Amz-Signature') : parameters,
  );
  const [host, ...otherHosts] = input.hosts ?? [];
  let likeliest: { canonicalRequest: string; stringToSign: string } | undefined;
  for (const signedHost of [undefined, ...otherHosts]) {
    const signed = withHost(headers, signedHost ?? host);
    for (const path of signedPaths(input.rawPath)) {
      const canonical = canonicalRequest({
        method: input.method,
        path,
        query,
        headers: signed,
        signedHeaders: claim.signedHeaders,
        payloadHash: claim.payloadHash,
      });
      for (const dateLine of claim.dateLines) {
        const text = stringToSign(canonical, dateLine, claim.scope);
        if (signaturesEqual(signatureOf(signingKey, text), claim.signature)) {
          return { dateLine, signedHost };
        }
        likeliest ??= { canonicalRequest: canonical, stringToSign: text };
      }
    }
  }
  throw signatureDoesNotMatch({
    accessKey: claim.accessKey,
    provided: claim.signature,
    ...(likeliest ?? { canonicalRequest: '', stringToSign: '' }),
  });
}

function withHost(
  headers: ReadonlyMap<string, string>,
  host: string | undefined,
): ReadonlyMap<string, string> {
  if (host === undefined || host === headers.get('host')) return headers;
  return new Map([...headers, ['host', host]]);
}

/**
 * The canonical path; the one that was sent, as some clients sign their URL as it stands; and the one
 * that S3 makes of the decoded key, where a `%2F` is a slash like all others (aws4 signs that). All three
 * decode to the same key.
 */
function signedPaths(rawPath: string): readonly string[] {
  const canonical = canonicalPath(rawPath);
  const paths = [canonical];
  if (canonical !== rawPath) paths.push(rawPath);
  if (canonical.includes('%2F')) paths.push(canonical.replaceAll('%2F', '/'));
  return paths;
}

/** Node's own `headers` object keeps one of several; who signs another one must not be believed. */
const singleHeaders: readonly string[] = ['host', 'authorization', 'x-amz-date'];

function refuseRepeat(name: string): void {
  if (!singleHeaders.includes(name)) return;
  throw new S3Error('InvalidRequest', { message: `The header ${name} must not be repeated.` });
}

/**
 * `host` and every x-amz-* header that is there must be signed. x-amz-content-sha256 is covered
 * without being listed: its value is the last line of the canonical request.
 */
function refuseUnsignedHeaders(claim: SignedClaim, headers: ReadonlyMap<string, string>): void {
  const unsigned: string[] = claim.signedHeaders.includes('host') ? [] : ['host'];
  for (const name of headers.keys()) {
    if (
      name.startsWith('x-amz-') &&
      name !== 'x-amz-content-sha256' &&
      !claim.signedHeaders.includes(name)
    ) {
      unsigned.push(name);
    }
  }
  if (unsigned.length === 0) return;
  throw new S3Error('AccessDenied', {
    message: 'There were headers present in the request which were not signed',
    fields: { HeadersNotSigned: unsigned.sort().join(', ') },
  });
}

/** Without a signature there is no seed for signed chunks. */
function anonymousPayload(headers: ReadonlyMap<string, string>): PayloadKind {
  const payloadHash = headers.get('x-amz-content-sha256');
  if (payloadHash === undefined) return { kind: 'unsigned' };
  const payload = parsePayloadHash(payloadHash);
  if (payload.kind === 'streaming-signed' || payload.kind === 'streaming-signed-trailer') {
    throw new S3Error('InvalidRequest', {
      message: `x-amz-content-sha256 ${payloadHash} requires a signed request.`,
    });
  }
  return payload;
}
