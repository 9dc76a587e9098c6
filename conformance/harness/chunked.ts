/**
 * aws-chunked bodies, written from AWS's pages on SigV4 streaming
 * (sigv4-streaming.html, sigv4-streaming-trailers.html), for every STREAMING-* form.
 */
import { createHmac } from 'node:crypto';
import { type Endpoint, type RawRequest, sha256Hex, signedHeaders } from './http.ts';

export type StreamingForm =
  | 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'
  | 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'
  | 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

export interface StreamingRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly content: Buffer;
  readonly form: StreamingForm;
  readonly chunkBytes?: number;
  /** Sent behind the last chunk, announced in x-amz-trailer. */
  readonly trailers?: Readonly<Record<string, string>>;
  /** Leaves the length of the framed body open (Transfer-Encoding: chunked). */
  readonly chunkedTransfer?: boolean;
  /** Changes the framed body before it is sent. */
  readonly tamper?: (framed: Buffer) => Buffer;
}

const emptyHash = sha256Hex('');

const hmac = (key: Buffer | string, text: string) =>
  createHmac('sha256', key).update(text).digest();

/** A request to give to `send`: headers signed by aws4, the body framed and chunk-signed here. */
export function streamingRequest(target: Endpoint, request: StreamingRequest): RawRequest {
  const { content, form, trailers = {} } = request;
  const trailerNames = Object.keys(trailers);
  const unsigned: RawRequest = {
    method: request.method ?? 'PUT',
    path: request.path,
    headers: {
      'Content-Encoding': 'aws-chunked',
      'x-amz-decoded-content-length': String(content.length),
      ...(trailerNames.length > 0 ? { 'x-amz-trailer': trailerNames.join(',') } : {}),
      ...request.headers,
    },
    contentSha256: form,
  };
  const headers = signedHeaders(target, unsigned);
  const framed = frame(target, request, headers);
  const body = request.tamper?.(framed) ?? framed;
  return {
    ...unsigned,
    headers: {
      ...headers,
      ...(request.chunkedTransfer === true
        ? { 'Transfer-Encoding': 'chunked' }
        : { 'Content-Length': String(body.length) }),
    },
    exactHeaders: true,
    body,
  };
}

function frame(
  target: Endpoint,
  request: StreamingRequest,
  headers: Readonly<Record<string, string>>,
): Buffer {
  const { content, form, chunkBytes = 64 * 1024, trailers = {} } = request;
  const isSigned = form !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const signer = chunkSigner(target, headers);
  const pieces: Buffer[] = [];
  for (let offset = 0; ; offset += chunkBytes) {
    const data = content.subarray(offset, offset + chunkBytes);
    const extension = isSigned ? `;chunk-signature=${signer.chunk(data)}` : '';
    pieces.push(Buffer.from(`${data.length.toString(16)}${extension}\r\n`));
    if (data.length === 0) break;
    pieces.push(data, Buffer.from('\r\n'));
  }
  const lines = Object.entries(trailers).map(([name, value]) => `${name}:${value}`);
  if (form === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') {
    const canonical = lines.map((line) => `${line}\n`).join('');
    lines.push(`x-amz-trailer-signature:${signer.trailer(canonical)}`);
  }
  pieces.push(Buffer.from(`${lines.map((line) => `${line}\r\n`).join('')}\r\n`));
  return Buffer.concat(pieces);
}

function chunkSigner(target: Endpoint, headers: Readonly<Record<string, string>>) {
  const header = (name: string) =>
    Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1] ?? '';
  const date = header('x-amz-date');
  const scope = `${date.slice(0, 8)}/${target.region}/s3/aws4_request`;
  const key = scope
    .split('/')
    .reduce<Buffer | string>(
      (k, part) => hmac(k, part),
      `AWS4${target.credentials.secretAccessKey}`,
    );
  let previous = /Signature=([0-9a-f]{64})/.exec(header('authorization'))?.[1] ?? '';
  const sign = (lines: readonly string[]) => {
    previous = hmac(key, lines.join('\n')).toString('hex');
    return previous;
  };
  return {
    chunk: (data: Buffer) =>
      sign(['AWS4-HMAC-SHA256-PAYLOAD', date, scope, previous, emptyHash, sha256Hex(data)]),
    trailer: (canonical: string) =>
      sign(['AWS4-HMAC-SHA256-TRAILER', date, scope, previous, sha256Hex(canonical)]),
  };
}
