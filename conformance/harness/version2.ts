/**
 * Signature Version 2, written from its documentation alone: no library of today signs it.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 */
import { createHmac } from 'node:crypto';
import type { Credentials } from './gateway.ts';

/** Those of the page that the tests use. */
const signedParameters = /^(acl|partNumber|tagging|uploadId|uploads|versionId|response-.+)$/;

export interface Version2Request {
  readonly method?: string;
  /** Path and query, percent-encoded already. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The bucket that the Host names, where it names one. */
  readonly hostBucket?: string;
}

/** The headers of a request, signed, with the Date of now where none is given. */
export function version2Headers(
  credentials: Credentials,
  request: Version2Request,
): Record<string, string> {
  const headers: Record<string, string> = { ...request.headers };
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (!names.includes('date') && !names.includes('x-amz-date')) {
    headers.Date = new Date().toUTCString();
  }
  const date = names.includes('x-amz-date') ? '' : (headerOf(headers, 'date') ?? '');
  const signature = sign(credentials, stringToSign(request, headers, date));
  return { ...headers, Authorization: `AWS ${credentials.accessKeyId}:${signature}` };
}

/** Path and query of a URL that is signed by its query. */
export function version2Path(
  credentials: Credentials,
  request: Version2Request & { readonly expiresSeconds?: number },
): string {
  const expires = String(Math.floor(Date.now() / 1000) + (request.expiresSeconds ?? 300));
  const signature = sign(credentials, stringToSign(request, request.headers ?? {}, expires));
  const query = new URLSearchParams({
    AWSAccessKeyId: credentials.accessKeyId,
    Expires: expires,
    Signature: signature,
  });
  return `${request.path}${request.path.includes('?') ? '&' : '?'}${query}`;
}

function stringToSign(
  request: Version2Request,
  headers: Readonly<Record<string, string>>,
  date: string,
): string {
  const amz = Object.entries(headers)
    .map(([name, value]) => [name.toLowerCase(), value.trim()] as const)
    .filter(([name]) => name.startsWith('x-amz-'))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}`);
  const [path = '', query = ''] = request.path.split('?');
  const parameters = query
    .split('&')
    .filter((part) => signedParameters.test(part.split('=')[0] ?? ''))
    .sort()
    .map(decodeURIComponent);
  const bucket = request.hostBucket === undefined ? '' : `/${request.hostBucket}`;
  const resource = `${bucket}${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`;
  return [
    request.method ?? 'GET',
    headerOf(headers, 'content-md5') ?? '',
    headerOf(headers, 'content-type') ?? '',
    date,
    ...amz,
    resource,
  ].join('\n');
}

function headerOf(headers: Readonly<Record<string, string>>, wanted: string): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1];
}

/** Header values have one character per byte; a decoded query is text. */
function sign(credentials: Credentials, text: string): string {
  return createHmac('sha1', credentials.secretAccessKey).update(text).digest('base64');
}
