/**
 * HTTP as it stands on the wire: what no SDK sends. Requests are signed by aws4, which knows nothing
 * of the gateway; paths and headers go out exactly as given.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { Readable } from 'node:stream';
import aws4 from 'aws4';
import type { Credentials } from './gateway.ts';
import { textOf } from './xml.ts';

export interface Endpoint {
  readonly endpoint: string;
  readonly credentials: Credentials;
  readonly region: string;
}

export interface RawRequest {
  readonly method?: string;
  /** Path and query, percent-encoded already. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Instead of `body`: sent as it comes. Give Content-Length and `contentSha256` yourself. */
  readonly stream?: AsyncIterable<Buffer>;
  /** Default: signed by header. */
  readonly anonymous?: boolean;
  /** Default: the SHA-256 of the body. */
  readonly contentSha256?: string;
  readonly credentials?: Credentials;
  readonly region?: string;
  /** Sends the body with Transfer-Encoding: chunked and no Content-Length. */
  readonly chunkedTransfer?: boolean;
  /** Sends the body only once the server has asked for it; the request needs `Expect`. */
  readonly waitForContinue?: boolean;
  /** Without an answer for so long it fails; 0 waits for ever. */
  readonly timeoutMs?: number;
  /** Leave out what `signedHeaders` would add: send exactly these headers. */
  readonly exactHeaders?: boolean;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  readonly text: string;
  /** True when `100 Continue` came first. */
  readonly continued: boolean;
}

export const unsignedPayload = 'UNSIGNED-PAYLOAD';
const requestTimeoutMs = 30_000;

export function sha256Hex(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The headers of a request, signed. Names keep the case given. */
export function signedHeaders(target: Endpoint, request: RawRequest): Record<string, string> {
  const body = request.body ?? '';
  const headers: Record<string, string> = { ...request.headers };
  const has = (name: string) => Object.keys(headers).some((key) => key.toLowerCase() === name);
  if (!has('host')) headers.Host = new URL(target.endpoint).host;
  if (!has('x-amz-content-sha256')) {
    headers['x-amz-content-sha256'] = request.contentSha256 ?? sha256Hex(body);
  }
  if (request.anonymous === true) return headers;
  const signed = aws4.sign(
    {
      service: 's3',
      region: request.region ?? target.region,
      method: request.method ?? 'GET',
      path: request.path,
      headers,
    },
    request.credentials ?? target.credentials,
  );
  return Object.fromEntries(
    Object.entries(signed.headers ?? {}).map(([name, value]) => [name, String(value)]),
  );
}

/** Path and query of a URL signed by query. */
export function presignedPath(
  target: Endpoint,
  request: RawRequest & { readonly expiresSeconds?: number; readonly dateMs?: number },
): string {
  const url = new URL(request.path, target.endpoint);
  url.searchParams.set('X-Amz-Expires', String(request.expiresSeconds ?? 300));
  if (request.dateMs !== undefined) {
    url.searchParams.set('X-Amz-Date', amzDate(request.dateMs));
  }
  const signed = aws4.sign(
    {
      service: 's3',
      region: request.region ?? target.region,
      method: request.method ?? 'GET',
      signQuery: true,
      path: `${request.path.split('?')[0]}${url.search}`,
      headers: { Host: url.host, ...request.headers },
    },
    request.credentials ?? target.credentials,
  );
  return signed.path ?? '';
}

/** The path of an object: the key's UTF-8 percent-encoded, slashes kept, and a query behind it. */
export function objectPath(bucket: string, key: string, query = ''): string {
  const encoded = key.split('/').map(encodeRfc3986).join('/');
  return `/${bucket}/${encoded}${query === '' ? '' : `?${query}`}`;
}

export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** 20261122T173000Z */
export function amzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[:-]|\.\d{3}/g, '');
}

export async function send(target: Endpoint, request: RawRequest): Promise<RawResponse> {
  const body = Buffer.from(request.body ?? '');
  const method = request.method ?? 'GET';
  const headers =
    request.exactHeaders === true ? { ...request.headers } : signedHeaders(target, request);
  const has = (name: string) => Object.keys(headers).some((key) => key.toLowerCase() === name);
  if (request.exactHeaders !== true && !has('content-length') && !has('transfer-encoding')) {
    if (request.chunkedTransfer === true) headers['Transfer-Encoding'] = 'chunked';
    else if (body.length > 0 || method === 'PUT' || method === 'POST') {
      headers['Content-Length'] = String(body.length);
    }
  }
  return exchange(target.endpoint, method, request, headers, body);
}

function exchange(
  endpoint: string,
  method: string,
  request: RawRequest,
  headers: Record<string, string>,
  body: Buffer,
): Promise<RawResponse> {
  const url = new URL(endpoint);
  const open = url.protocol === 'https:' ? https.request : http.request;
  return new Promise((resolve, reject) => {
    let continued = false;
    let answered = false;
    const outgoing = open({
      host: url.hostname,
      port: url.port,
      method,
      path: request.path,
      headers,
      setHost: false,
      agent: false,
      rejectUnauthorized: false,
      timeout: request.timeoutMs ?? requestTimeoutMs,
    });
    outgoing.on('continue', () => {
      continued = true;
      if (request.waitForContinue === true) outgoing.end(body);
    });
    outgoing.on('timeout', () =>
      outgoing.destroy(new Error(`no answer: ${method} ${request.path}`)),
    );
    // A server that has answered may close while we still send: the answer counts.
    outgoing.on('error', (error) => {
      if (!answered) reject(error);
    });
    outgoing.on('response', (incoming) => {
      answered = true;
      const pieces: Buffer[] = [];
      incoming.on('data', (piece: Buffer) => pieces.push(piece));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const bytes = Buffer.concat(pieces);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          rawHeaders: incoming.rawHeaders,
          body: bytes,
          text: bytes.toString('utf8'),
          continued,
        });
      });
    });
    if (request.waitForContinue === true) outgoing.flushHeaders();
    else if (request.stream !== undefined) Readable.from(request.stream).pipe(outgoing);
    else outgoing.end(body);
  });
}

/**
 * Writes bytes to a connection and returns what comes back until the server closes it or nothing
 * more comes for a while: for requests that no HTTP client would form.
 */
export function sendBytes(
  endpoint: string,
  bytes: Buffer | string,
  quietMs = 1000,
): Promise<{ readonly text: string; readonly closed: boolean }> {
  const url = new URL(endpoint);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(url.port), url.hostname, () => socket.write(bytes));
    const pieces: Buffer[] = [];
    const finish = (closed: boolean) => {
      socket.destroy();
      resolve({ text: Buffer.concat(pieces).toString('latin1'), closed });
    };
    socket.setTimeout(quietMs, () => finish(false));
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('error', (error) => (pieces.length > 0 ? finish(true) : reject(error)));
    socket.on('end', () => finish(true));
  });
}

/** Asserts an S3 error document: status, code, and the fields that every one of them carries. */
export function assertError(
  response: RawResponse,
  status: number,
  code: string,
  fields: Readonly<Record<string, string | RegExp>> = {},
): void {
  assert.equal(
    `${response.status} ${textOf(response.text, 'Code')}`,
    `${status} ${code}`,
    response.text,
  );
  assert.match(response.headers['content-type'] ?? '', /^application\/xml/);
  assert.ok(response.text.includes('<Error>'), response.text);
  assert.ok((textOf(response.text, 'Message') ?? '').length > 0, 'a message');
  assert.equal(textOf(response.text, 'RequestId'), response.headers['x-amz-request-id']);
  assert.ok((textOf(response.text, 'HostId') ?? '').length > 0, 'a HostId');
  for (const [name, expected] of Object.entries(fields)) {
    const value = textOf(response.text, name) ?? '';
    if (typeof expected === 'string') assert.equal(value, expected, name);
    else assert.match(value, expected, name);
  }
}
