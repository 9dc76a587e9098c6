/** The few requests of S3 that a place of checkpoints needs, signed with Signature Version 4, path-style. */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { amzDate } from '../../gateway/auth/amz-date.ts';
import {
  algorithm,
  canonicalHeaderValues,
  canonicalParameters,
  canonicalPath,
  canonicalQuery,
  canonicalRequest,
  deriveSigningKey,
  emptySha256,
  scopeText,
  signatureOf,
  stringToSign,
} from '../../gateway/auth/sigv4.ts';
import type { Digest } from './digest.ts';

const attempts = 5;
const firstPauseMs = 200;
/** Of silence on the connection. */
const idleTimeoutMs = 60_000;
const maxErrorBytes = 64 * 2 ** 10;

export interface S3Location {
  readonly endpoint: URL;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
}

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** Empty for the bucket itself. */
  readonly key: string;
  /** Names and values, not encoded. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: S3Body;
}

export interface S3Body extends Digest {
  /** Called anew for every attempt. */
  readonly open: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface S3Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Readable;
}

export class S3Client {
  readonly #location: S3Location;
  readonly #agent: http.Agent;

  constructor(location: S3Location) {
    this.#location = location;
    const options = { keepAlive: true, timeout: idleTimeoutMs };
    this.#agent =
      location.endpoint.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
  }

  /**
   * The answer, when it has one of these statuses. Failures that may pass are tried again. Throws `unavailable`, with
   * what S3 said.
   */
  async send(request: S3Request, expected: readonly number[]): Promise<S3Answer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#attempt(request);
        if (expected.includes(answer.status)) return answer;
        const reason = await textOf(answer.body);
        const mayPass = answer.status >= 500 || answer.status === 429;
        if (mayPass && attempt < attempts) throw new Error(reason);
        throw this.#failure(request, `${answer.status} ${reason}`);
      } catch (error) {
        if (error instanceof BlobSeerError) throw error;
        if (attempt === attempts) throw this.#failure(request, (error as Error).message, error);
      }
      await sleep(firstPauseMs * 2 ** (attempt - 1));
    }
  }

  #failure({ method, key }: S3Request, reason: string, cause?: unknown): BlobSeerError {
    const { endpoint, bucket } = this.#location;
    const what = `${method} s3://${bucket}/${key} at ${endpoint.origin}`;
    return new BlobSeerError('unavailable', `${what}: ${reason}`, { cause });
  }

  #attempt(request: S3Request): Promise<S3Answer> {
    const { endpoint } = this.#location;
    const { method, body } = request;
    const { path, headers } = this.#signed(request, Date.now());
    const module = endpoint.protocol === 'https:' ? https : http;
    return new Promise((resolve, reject) => {
      const sent = module.request(endpoint, { method, path, headers, agent: this.#agent });
      sent.setTimeout(idleTimeoutMs, () => sent.destroy(new Error('no answer')));
      sent.on('error', reject);
      sent.once('response', (response) => {
        const { statusCode = 0 } = response;
        resolve({ status: statusCode, headers: response.headers, body: response });
      });
      if (body === undefined) sent.end();
      else pipeline(body.open(), sent).catch(reject);
    });
  }

  #signed({ method, key, query = {}, headers = {}, body }: S3Request, nowMs: number) {
    const { endpoint, bucket, region, accessKeyId, secretAccessKey, sessionToken } = this.#location;
    const path = canonicalPath(`/${bucket}${key === '' ? '' : `/${key}`}`);
    const search = Object.entries(query)
      .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
      .join('&');
    const dateLine = amzDate(nowMs);
    const payloadHash = body?.sha256 ?? emptySha256;
    const all: Record<string, string> = {
      ...headers,
      host: endpoint.host,
      'content-length': String(body?.bytes ?? 0),
      'x-amz-date': dateLine,
      'x-amz-content-sha256': payloadHash,
      ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
    };
    const signedHeaders = Object.keys(all).sort();
    const scope = { date: dateLine.slice(0, 8), region };
    const canonical = canonicalRequest({
      method,
      path,
      query: canonicalQuery(canonicalParameters(search)),
      headers: canonicalHeaderValues(Object.entries(all)),
      signedHeaders,
      payloadHash,
    });
    const signature = signatureOf(
      deriveSigningKey(secretAccessKey, scope),
      stringToSign(canonical, dateLine, scope),
    );
    const credential = `${accessKeyId}/${scopeText(scope)}`;
    all.authorization = `${algorithm} Credential=${credential}, SignedHeaders=${signedHeaders.join(';')}, Signature=${signature}`;
    return { path: search === '' ? path : `${path}?${search}`, headers: all };
  }
}

/** Of an answer that is small. */
export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  return (await bytesOf(body, maxErrorBytes)).toString();
}

/** Throws `unavailable` for more than that. */
export async function bytesOf(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > maxBytes) throw new BlobSeerError('unavailable', 'the answer is too long');
    parts.push(part);
  }
  return Buffer.concat(parts);
}
