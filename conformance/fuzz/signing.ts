/**
 * Signatures for requests that no signing library would take: paths, queries and headers are byte
 * strings (latin1) as they go over the wire. Signature version 4 by header, query and form, its chunk
 * signatures, and version 2 in the same places.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../harness/gateway.ts';

export type Header = readonly [name: string, value: string];

export interface Unsigned {
  readonly method: string;
  /** Raw, percent-encoded; `query` without its question mark. */
  readonly path: string;
  readonly query: string;
  readonly headers: readonly Header[];
  /** Where the host names the bucket, version 2 signs it in front of the path. */
  readonly hostBucket?: string;
}

export interface Signer {
  readonly credentials: Credentials;
  readonly region: string;
  readonly nowMs: number;
}

export interface Signature {
  /** 20261122T173000Z */
  readonly amzDate: string;
  readonly scope: string;
  readonly hex: string;
}

const algorithm = 'AWS4-HMAC-SHA256';
const emptyHash = sha256('');
/** Hop-by-hop headers, and those that this client sets after signing. */
const unsignedNames = new Set([
  'authorization',
  'connection',
  'content-length',
  'expect',
  'te',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(asBytes(bytes)).digest('hex');
}

function asBytes(text: Buffer | string): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
}

const hmac = (key: Buffer | string, text: string, name = 'sha256') =>
  createHmac(name, asBytes(key)).update(Buffer.from(text, 'latin1')).digest();

export function amzDateOf(ms: number): string {
  return new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, '');
}

/** Percent-decodes bytes as far as they decode and encodes them again the way S3 does. */
function canonical(text: string, keepSlash: boolean): string {
  const bytes = text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return bytes.replace(/[^A-Za-z0-9._~-]/g, (character) => {
    if (keepSlash && character === '/') return character;
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [, name = '', value = ''] = /^([^=]*)=?([\s\S]*)$/.exec(pair) ?? [];
      return `${canonical(name, false)}=${canonical(value, false)}`;
    })
    .sort()
    .join('&');
}

/** Lower-case names with their values joined, sorted. */
function canonicalHeaders(headers: readonly Header[], keep: (name: string) => boolean) {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (!keep(lower)) continue;
    const trimmed = value.replace(/^[ \t]+|[ \t]+$/g, '').replace(/ +/g, ' ');
    const before = values.get(lower);
    values.set(lower, before === undefined ? trimmed : `${before},${trimmed}`);
  }
  return [...values].sort(([a], [b]) => (a < b ? -1 : 1));
}

function signingKey({ credentials, region }: Signer, day: string): Buffer | string {
  return [day, region, 's3', 'aws4_request'].reduce<Buffer | string>(
    (key, part) => hmac(key, part),
    `AWS4${credentials.secretAccessKey}`,
  );
}

function signCanonical(
  signer: Signer,
  request: Unsigned,
  headers: readonly Header[],
  payload: string,
): Signature {
  const amzDate = amzDateOf(signer.nowMs);
  const scope = `${amzDate.slice(0, 8)}/${signer.region}/s3/aws4_request`;
  const text = [
    request.method,
    canonical(request.path, true),
    canonicalQuery(request.query),
    ...headers.map(([name, value]) => `${name}:${value}`),
    '',
    headers.map(([name]) => name).join(';'),
    payload,
  ].join('\n');
  const toSign = [algorithm, amzDate, scope, sha256(text)].join('\n');
  const hex = hmac(signingKey(signer, amzDate.slice(0, 8)), toSign).toString('hex');
  return { amzDate, scope, hex };
}

/** The headers with x-amz-date, x-amz-content-sha256 (where missing) and Authorization. */
export function signByHeader(
  signer: Signer,
  request: Unsigned,
  payload: string,
): { readonly headers: readonly Header[]; readonly signature: Signature } {
  const has = (wanted: string) => request.headers.some(([name]) => name.toLowerCase() === wanted);
  const headers: Header[] = [...request.headers];
  if (!has('x-amz-date')) headers.push(['x-amz-date', amzDateOf(signer.nowMs)]);
  const given = headers.find(([name]) => name.toLowerCase() === 'x-amz-content-sha256')?.[1];
  if (given === undefined) headers.push(['x-amz-content-sha256', payload]);
  const signed = canonicalHeaders(headers, (name) => !unsignedNames.has(name));
  const signature = signCanonical(signer, request, signed, given ?? payload);
  const credential = `${signer.credentials.accessKeyId}/${signature.scope}`;
  const names = signed.map(([name]) => name).join(';');
  headers.push([
    'Authorization',
    `${algorithm} Credential=${credential}, SignedHeaders=${names}, Signature=${signature.hex}`,
  ]);
  return { headers, signature };
}

/** The query with the parameters of a presigned URL. */
export function signByQuery(signer: Signer, request: Unsigned, expiresSeconds = '600'): string {
  const signed = canonicalHeaders(
    request.headers,
    (name) => name === 'host' || name.startsWith('x-amz-'),
  );
  const amzDate = amzDateOf(signer.nowMs);
  const scope = `${amzDate.slice(0, 8)}/${signer.region}/s3/aws4_request`;
  const query = [
    ...(request.query === '' ? [] : [request.query]),
    `X-Amz-Algorithm=${algorithm}`,
    `X-Amz-Credential=${canonical(`${signer.credentials.accessKeyId}/${scope}`, false)}`,
    `X-Amz-Date=${amzDate}`,
    `X-Amz-Expires=${expiresSeconds}`,
    `X-Amz-SignedHeaders=${canonical(signed.map(([name]) => name).join(';'), false)}`,
  ].join('&');
  const { hex } = signCanonical(signer, { ...request, query }, signed, 'UNSIGNED-PAYLOAD');
  return `${query}&X-Amz-Signature=${hex}`;
}

/** Signs a POST policy (base64). */
export function signPolicy(signer: Signer, policy: string): string {
  return hmac(signingKey(signer, amzDateOf(signer.nowMs).slice(0, 8)), policy).toString('hex');
}

export function signPolicyV2(signer: Signer, policy: string): string {
  return hmac(signer.credentials.secretAccessKey, policy, 'sha1').toString('base64');
}

/** Signs chunks and trailers of an aws-chunked body, each over the one before. */
export function chunkSigner(signer: Signer, seed: Signature) {
  const key = signingKey(signer, seed.amzDate.slice(0, 8));
  let previous = seed.hex;
  const sign = (name: string, ...hashes: readonly string[]) => {
    const lines = [`AWS4-HMAC-SHA256-${name}`, seed.amzDate, seed.scope, previous, ...hashes];
    previous = hmac(key, lines.join('\n')).toString('hex');
    return previous;
  };
  return {
    chunk: (data: Buffer) => sign('PAYLOAD', emptyHash, sha256(data)),
    trailer: (lines: string) => sign('TRAILER', sha256(lines)),
  };
}

/** What version 2 signs of the query, besides response-*. */
const subResourcesOfV2 = new Set(
  (
    'acl cors delete lifecycle location logging notification partNumber policy requestPayment ' +
    'restore tagging torrent uploadId uploads versionId versioning versions website'
  ).split(' '),
);

function stringToSignV2(request: Unsigned, date: string): string {
  const value = (wanted: string) =>
    request.headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? '';
  const amz = canonicalHeaders(request.headers, (name) => name.startsWith('x-amz-'));
  const signed = request.query
    .split('&')
    .filter((pair) => {
      const [name = ''] = pair.split('=');
      return subResourcesOfV2.has(name) || name.startsWith('response-');
    })
    .sort();
  const host = request.hostBucket === undefined ? '' : `/${request.hostBucket}`;
  const resource = `${host}${request.path}${signed.length > 0 ? `?${signed.join('&')}` : ''}`;
  return [
    request.method,
    value('content-md5'),
    value('content-type'),
    date,
    ...amz.map(([name, text]) => `${name}:${text}`),
    resource,
  ].join('\n');
}

export function signV2ByHeader(signer: Signer, request: Unsigned): readonly Header[] {
  const headers: Header[] = [
    ...request.headers,
    ['x-amz-date', new Date(signer.nowMs).toUTCString()],
  ];
  const text = stringToSignV2({ ...request, headers }, '');
  const { accessKeyId, secretAccessKey } = signer.credentials;
  const signature = hmac(secretAccessKey, text, 'sha1').toString('base64');
  return [...headers, ['Authorization', `AWS ${accessKeyId}:${signature}`]];
}

export function signV2ByQuery(signer: Signer, request: Unsigned): string {
  const { accessKeyId, secretAccessKey } = signer.credentials;
  const expires = String(Math.floor(signer.nowMs / 1000) + 600);
  const signature = hmac(secretAccessKey, stringToSignV2(request, expires), 'sha1');
  return [
    ...(request.query === '' ? [] : [request.query]),
    `AWSAccessKeyId=${accessKeyId}`,
    `Expires=${expires}`,
    `Signature=${canonical(signature.toString('base64'), false)}`,
  ].join('&');
}
