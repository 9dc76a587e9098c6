/** From a plan to the bytes of a request: marks filled in, body framed, everything signed. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Credentials } from '../harness/gateway.ts';
import { edited } from './edits.ts';
import { formBody } from './form.ts';
import type { Auth, Body, Filling, Framing, Payload, Plan } from './plan.ts';
import {
  chunkSigner,
  type Header,
  type Signature,
  type Signer,
  sha256,
  signByHeader,
  signByQuery,
  signV2ByHeader,
  signV2ByQuery,
  type Unsigned,
} from './signing.ts';
import type { State } from './state.ts';

export interface Where {
  readonly port: number;
  readonly domain: string;
  readonly root: Credentials;
  readonly other: Credentials;
  readonly region: string;
  readonly pool: Buffer;
}

export interface Encoded {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly head: Buffer;
  readonly body: Buffer;
  /** What a PutObject of an unchanged plan stores. */
  readonly content: Buffer;
}

const lateMs = 3 * 3_600_000;

export function encode(plan: Plan, state: State, where: Where): Encoded {
  const resolve = (text: string) => state.resolve(text);
  const signer = signerOf(plan.auth, where);
  const query = plan.query
    .map(([name, value]) => (value === undefined ? name : `${name}=${resolve(value)}`))
    .map(resolve)
    .join('&');
  const content = contentOf(plan.body, resolve, signer, where);
  const planned = addressed(plan, resolve(plan.path), state, where);
  const headers: Header[] = [
    ...planned.headers,
    ...plan.headers.map(
      ([name, value]): Header => [name, digestOf(value, content) ?? resolve(value)],
    ),
  ];
  if (plan.body.kind === 'form') {
    const { boundary } = plan.body.form;
    headers.push(['Content-Type', `multipart/form-data; boundary=${boundary}`]);
  }
  const unsigned: Unsigned = {
    method: plan.method,
    path: planned.path,
    query,
    headers,
    ...(planned.hostBucket === undefined ? {} : { hostBucket: planned.hostBucket }),
  };
  // A form carries its signature itself.
  const auth = plan.body.kind === 'form' ? 'anonymous' : plan.auth;
  const sent = signed(unsigned, { ...plan, auth }, content, signer);
  const hasBody = plan.body.kind !== 'none' || plan.method === 'PUT' || plan.method === 'POST';
  const target = sent.query === '' ? sent.path : `${sent.path}?${sent.query}`;
  const lines = [
    `${sent.method} ${target} HTTP/1.1`,
    ...sent.headers.map(([name, value]) => `${name}: ${value}`),
    ...(plan.wire.kind === 'expect' && hasBody ? ['Expect: 100-continue'] : []),
    ...(hasBody ? [sent.framing] : []),
  ];
  return {
    method: sent.method,
    path: sent.path,
    query: sent.query,
    head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    body: hasBody ? sent.body : Buffer.alloc(0),
    content,
  };
}

function signerOf(auth: Auth, where: Where): Signer {
  const nowMs = Date.now() - (auth === 'late' ? lateMs : 0);
  const secretAccessKey = 'not the secret';
  const credentials =
    auth === 'other-user'
      ? where.other
      : auth === 'broken'
        ? { ...where.root, secretAccessKey }
        : where.root;
  return { credentials, region: where.region, nowMs };
}

/** Host, and the path that goes with it. */
function addressed(plan: Plan, path: string, state: State, where: Where) {
  const [, bucket = '', rest = ''] = /^\/([^/]*)([\s\S]*)$/.exec(path) ?? [];
  if (!plan.virtualHost || !state.buckets.includes(bucket)) {
    const host = `127.0.0.1:${where.port}`;
    return { path, headers: [['Host', host]] as Header[], hostBucket: undefined };
  }
  return {
    path: rest === '' ? '/' : rest,
    headers: [['Host', `${bucket}.${where.domain}`]] as Header[],
    hostBucket: bucket,
  };
}

function contentOf(
  body: Body,
  resolve: (text: string) => string,
  signer: Signer,
  where: Where,
): Buffer {
  switch (body.kind) {
    case 'none':
      return Buffer.alloc(0);
    case 'bytes':
      return slice(body.filling, where.pool);
    case 'document':
      return Buffer.from(edited(resolve(body.text), body.edits), 'latin1');
    case 'form':
      return formBody(body.form, slice(body.form.filling, where.pool), resolve, signer);
  }
}

function slice({ offset, length }: Filling, pool: Buffer): Buffer {
  return pool.subarray(offset, offset + length);
}

interface Sent extends Unsigned {
  readonly body: Buffer;
  /** The header that tells the length. */
  readonly framing: string;
}

function signed(
  request: Unsigned,
  plan: Pick<Plan, 'auth' | 'payload' | 'framing'>,
  content: Buffer,
  signer: Signer,
): Sent {
  const { framing } = plan;
  if (framing.kind === 'aws-chunked')
    return signedChunks(request, plan.auth, framing, content, signer);
  const payload = payloadOf(plan.payload, content);
  const authorized = authorize(request, plan.auth, payload, signer);
  if (framing.kind === 'length') {
    return { ...authorized, body: content, framing: `Content-Length: ${content.length}` };
  }
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += framing.chunk) {
    const data = content.subarray(at, at + framing.chunk);
    pieces.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from('0\r\n\r\n'));
  return { ...authorized, body: Buffer.concat(pieces), framing: 'Transfer-Encoding: chunked' };
}

function payloadOf(payload: Payload, content: Buffer): string {
  if (payload === 'unsigned') return 'UNSIGNED-PAYLOAD';
  return payload === 'hashed'
    ? sha256(content)
    : sha256(Buffer.concat([content, content, Buffer.from('x')]));
}

function authorize(
  request: Unsigned,
  auth: Auth,
  payload: string,
  signer: Signer,
): Unsigned & { readonly signature?: Signature } {
  switch (auth) {
    case 'v4-query':
      return { ...request, query: signByQuery(signer, request) };
    case 'v2':
      return { ...request, headers: signV2ByHeader(signer, request) };
    case 'v2-query':
      return { ...request, query: signV2ByQuery(signer, request) };
    case 'anonymous':
      return request;
    default:
      return { ...request, ...signByHeader(signer, request, payload) };
  }
}

function signedChunks(
  request: Unsigned,
  auth: Auth,
  framing: Framing & { readonly kind: 'aws-chunked' },
  content: Buffer,
  signer: Signer,
): Sent {
  const { form, chunk, chunkedTransfer, edits } = framing;
  const trailers = framing.trailers.map(
    ([name, value]): Header => [name, digestOf(value, content) ?? value],
  );
  const headers: Header[] = [
    ...request.headers,
    ['x-amz-content-sha256', form],
    ['x-amz-decoded-content-length', framing.decodedLength ?? String(content.length)],
    ...(trailers.length > 0
      ? [['x-amz-trailer', trailers.map(([name]) => name).join(',')] as const]
      : []),
  ];
  const authorized = authorize({ ...request, headers }, auth, form, signer);
  const seed = authorized.signature ?? { amzDate: '', scope: '', hex: '' };
  const signature = chunkSigner(signer, seed);
  const isSigned = form !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const pieces: Buffer[] = [];
  for (let at = 0; ; at += chunk) {
    const data = content.subarray(at, at + chunk);
    const extension = isSigned ? `;chunk-signature=${signature.chunk(data)}` : '';
    pieces.push(Buffer.from(`${data.length.toString(16)}${extension}\r\n`));
    if (data.length === 0) break;
    pieces.push(data, Buffer.from('\r\n'));
  }
  const lines = trailers.map(([name, value]) => `${name}:${value}`);
  if (form === 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') {
    const canonical = lines.map((line) => `${line}\n`).join('');
    lines.push(`x-amz-trailer-signature:${signature.trailer(canonical)}`);
  }
  pieces.push(Buffer.from([...lines, ''].map((line) => `${line}\r\n`).join(''), 'latin1'));
  const whole = Buffer.concat(pieces);
  const body =
    edits.length === 0 ? whole : Buffer.from(edited(whole.toString('latin1'), edits), 'latin1');
  if (!chunkedTransfer) return { ...authorized, body, framing: `Content-Length: ${body.length}` };
  const around = [
    Buffer.from(`${body.length.toString(16)}\r\n`),
    body,
    Buffer.from('\r\n0\r\n\r\n'),
  ];
  return {
    ...authorized,
    body: body.length === 0 ? Buffer.from('0\r\n\r\n') : Buffer.concat(around),
    framing: 'Transfer-Encoding: chunked',
  };
}

/** Of the body, where a value is the mark of a digest. */
function digestOf(value: string, content: Buffer): string | undefined {
  const [, name] = /^\{(md5|sha1|sha256|sha512|crc32)\}$/.exec(value) ?? [];
  if (name === undefined) return undefined;
  if (name === 'crc32') return crc32Base64(content);
  return createHash(name).update(content).digest('base64');
}

function crc32Base64(bytes: Buffer): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}
