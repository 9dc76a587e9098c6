/**
 * The operations without HTTP, for tests: handlers called by name with hand-made requests, over the
 * real namespace and engine in a directory of their own. Two users, so that others can be refused.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EmbeddedBlobSeer, openEmbedded } from '../../../blobseer-client/index.ts';
import { systemClock } from '../../clock.ts';
import { type Config, configWith } from '../../config.ts';
import type { User } from '../../namespace/namespace.ts';
import { openNamespace } from '../../namespace/store-namespace.ts';
import { admit } from '../../pipeline/admit.ts';
import { RequestsInProgress } from '../../requests-in-progress.ts';
import type { S3Error } from '../../s3/errors.ts';
import { headersOf } from '../../s3/headers.ts';
import { QueryParameters } from '../../s3/query.ts';
import type { XmlNode } from '../../s3/xml-parse.ts';
import { child, children, childText, parseXml } from '../../s3/xml-parse.ts';
import type { Services } from '../../services.ts';
import { operationTable, type S3Action } from '../index.ts';
import type { Identity, S3Request, S3Response } from '../operation.ts';

export const alice: User = {
  id: 'alice-id',
  accountId: '111111111111',
  displayName: 'Alice',
  createdMs: 0,
  keys: [{ accessKey: 'AKALICE', secret: 'alice-secret', createdMs: 0 }],
};
export const bob: User = {
  id: 'bob-id',
  accountId: '222222222222',
  displayName: 'Bob',
  createdMs: 0,
  keys: [{ accessKey: 'AKBOB', secret: 'bob-secret', createdMs: 0 }],
};

export interface Call {
  readonly bucket?: string;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The stream of a stream operation, the document of an xml one. */
  readonly body?: string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  readonly trailers?: Readonly<Record<string, string>>;
  /** As if the client had not told the length. */
  readonly isLengthUnknown?: boolean;
  /** Alice where nobody is named. */
  readonly user?: User | 'anonymous';
}

/** An answer with its body read. Header names in lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly text: string;
}

export class TestGateway {
  readonly blobseer: EmbeddedBlobSeer;
  readonly services: Services;
  readonly directory: string;
  private buckets = 0;

  private constructor(blobseer: EmbeddedBlobSeer, services: Services, directory: string) {
    this.blobseer = blobseer;
    this.services = services;
    this.directory = directory;
  }

  static async open(changes: Partial<Config> = {}): Promise<TestGateway> {
    const directory = await mkdtemp(path.join(tmpdir(), 'operations-'));
    const blobseer = await openEmbedded({ directory, role: 'alone' });
    const namespace = openNamespace(blobseer);
    await blobseer.store.commit((transaction) => {
      for (const user of [alice, bob]) namespace.putUser(transaction, user);
    });
    const config = configWith({ ...changes, dataDirectory: directory });
    const requests = new RequestsInProgress();
    const services = { blobseer, namespace, config, clock: systemClock, requests };
    return new TestGateway(blobseer, services, directory);
  }

  async close(): Promise<void> {
    await this.blobseer.close();
    await rm(this.directory, { recursive: true });
  }

  /** A new bucket of Alice's, with versioning in the state given. */
  async bucket(versioning: 'Unversioned' | 'Enabled' | 'Suspended' = 'Unversioned') {
    this.buckets += 1;
    const bucket = `bucket-${this.buckets}`;
    await this.call('CreateBucket', { bucket });
    if (versioning !== 'Unversioned') await this.setVersioning(bucket, versioning);
    return bucket;
  }

  async setVersioning(bucket: string, state: 'Enabled' | 'Suspended'): Promise<void> {
    const body = `<VersioningConfiguration><Status>${state}</Status></VersioningConfiguration>`;
    await this.call('PutBucketVersioning', { bucket, body });
  }

  async put(bucket: string, key: string, body: string | Uint8Array, headers = {}): Promise<Answer> {
    return await this.call('PutObject', { bucket, key, body, headers });
  }

  async get(bucket: string, key: string, query = {}, headers = {}): Promise<Answer> {
    return await this.call('GetObject', { bucket, key, query, headers });
  }

  /** Runs the handler and reads its answer. Throws what the handler throws. */
  async call(action: S3Action, call: Call = {}): Promise<Answer> {
    const { status, headers, body } = await this.start(action, call);
    const pieces: Uint8Array[] = [];
    if (typeof body === 'string' || Buffer.isBuffer(body)) pieces.push(Buffer.from(body));
    else if (body !== undefined) for await (const piece of body) pieces.push(Buffer.from(piece));
    const bytes = Buffer.concat(pieces);
    const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
    return {
      status,
      headers: Object.fromEntries(lower) as Record<string, string>,
      body: bytes,
      text: bytes.toString(),
    };
  }

  /** Who may not is refused as by the pipeline. Its answer's body is not read yet. */
  async start(action: S3Action, call: Call): Promise<S3Response> {
    const { handler } = operationTable[action];
    if (handler === undefined) throw new Error(`${action} has no handler`);
    this.services.namespace.refresh();
    const request = this.request(action, call);
    const identity = request.identity;
    admit({
      operation: operationTable[action],
      bucketName: request.bucket,
      headers: request.headers,
      authenticated:
        identity === undefined
          ? { kind: 'anonymous', payload: { kind: 'unsigned' } }
          : { kind: 'signed', identity, payload: { kind: 'unsigned' } },
      namespace: this.services.namespace,
    });
    return await handler(request, this.services);
  }

  request(action: S3Action, call: Call): S3Request {
    const { bucket = '', key = '', user = alice, headers = {}, query = {} } = call;
    const operation = operationTable[action];
    const stream = operation.body === 'stream' ? sourceOf(call.body) : [];
    const length = lengthOf(call.body);
    return {
      requestId: 'TESTREQUEST',
      hostId: 'test-host',
      method: operation.method,
      resource: `/${bucket}${key === '' ? '' : `/${key}`}`,
      bucket,
      key,
      bucketRecord:
        operation.createsBucket === true ? undefined : this.services.namespace.bucket(bucket),
      query: new QueryParameters(Object.entries(query)),
      headers: headersOf(Object.entries(headers)),
      access: operation.access,
      identity: user === 'anonymous' ? undefined : identityOf(user),
      body: buffers(stream),
      document: operation.body === 'xml' ? documentOf(call.body) : Buffer.alloc(0),
      decodedLength: call.isLengthUnknown === true ? undefined : length,
      trailers: new Map(Object.entries(call.trailers ?? {})),
      signal: new AbortController().signal,
      secure: false,
      origin: 'http://localhost:9000',
    };
  }
}

function identityOf({ id, accountId, displayName, keys }: User): Identity {
  return { userId: id, accountId, displayName, accessKey: keys[0]?.accessKey ?? '' };
}

/** Undefined where only the source itself knows. */
function lengthOf(body: Call['body']): number | undefined {
  if (body === undefined) return 0;
  const isBytes = typeof body === 'string' || body instanceof Uint8Array;
  return isBytes ? Buffer.byteLength(body) : undefined;
}

function sourceOf(body: Call['body']): Iterable<Uint8Array> | AsyncIterable<Uint8Array> {
  if (body === undefined) return [];
  if (typeof body === 'string') return [Buffer.from(body)];
  return body instanceof Uint8Array ? [body] : body;
}

function documentOf(body: Call['body']): Buffer {
  if (body === undefined) return Buffer.alloc(0);
  if (typeof body === 'string' || body instanceof Uint8Array) return Buffer.from(body as string);
  throw new TypeError('a document is given whole');
}

async function* buffers(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  for await (const piece of source) yield Buffer.from(piece);
}

/** For assert.rejects: an S3Error of that code, with at least these fields. */
export function s3Error(code: string, fields: Readonly<Record<string, string>> = {}) {
  return (error: unknown): boolean => {
    const { code: found, fields: given } = error as S3Error;
    if (found !== code) throw error;
    for (const [name, value] of Object.entries(fields)) {
      if (given[name] !== value) throw new Error(`${name} is ${given[name]}, not ${value}`);
    }
    return true;
  };
}

/** The root of an answer's document. */
export function documentIn(answer: Answer, root: string): XmlNode {
  return parseXml(answer.body, root);
}

/** The texts at a path of a document, of every element that it leads to: `texts(node, 'Contents', 'Key')`. */
export function texts(node: XmlNode, ...steps: readonly string[]): string[] {
  const [step, ...others] = steps;
  if (step === undefined) return [node.text];
  return children(node, step).flatMap((next) => texts(next, ...others));
}

export { child, children, childText };
