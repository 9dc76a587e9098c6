/**
 * What a conformance test talks to: by default a gateway started for the test file; with S3_ENDPOINT
 * (and S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION) in the environment any S3 server, AWS itself included,
 * but for tests that need a gateway started in their own way.
 */
import { randomBytes } from 'node:crypto';
import { after } from 'node:test';
import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { emptyBucket } from './buckets.ts';
import { type Credentials, Gateway, type GatewayOptions } from './gateway.ts';
import { type Endpoint, objectPath, type RawRequest, type RawResponse, send } from './http.ts';

export interface Target extends Endpoint {
  /** Undefined for a server that is not ours. */
  readonly gateway: Gateway | undefined;
  /** Keeps the bytes as they come: path style, one attempt. */
  readonly client: S3Client;
  clientWith(changes: S3ClientConfig): S3Client;
  send(request: RawRequest): Promise<RawResponse>;
  /** The raw calls that tests make all the time. A key is given decoded, a query encoded. */
  put(
    bucket: string,
    key: string,
    body: Buffer | string,
    headers?: HeaderMap,
  ): Promise<RawResponse>;
  get(bucket: string, key: string, query?: string, headers?: HeaderMap): Promise<RawResponse>;
  head(bucket: string, key: string, query?: string, headers?: HeaderMap): Promise<RawResponse>;
  delete(bucket: string, key: string, query?: string, headers?: HeaderMap): Promise<RawResponse>;
  /** A new empty bucket; it goes with the target. */
  makeBucket(): Promise<string>;
  /** A bucket name that is not taken; cleaned up if the test makes it. */
  newBucketName(): string;
}

export type HeaderMap = Readonly<Record<string, string>>;

const region = process.env.S3_REGION ?? 'us-east-1';

export function makeClient(
  endpoint: string,
  credentials: Credentials,
  changes: S3ClientConfig = {},
): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials,
    forcePathStyle: true,
    maxAttempts: 1,
    ...changes,
  });
}

/** Opens the target of a test file, and closes it when the file's tests are done. */
export async function openTarget(options: GatewayOptions = {}): Promise<Target> {
  // How a server is started cannot be asked of one that runs already.
  const needsOwn = options.args !== undefined || options.tls !== undefined;
  const external = needsOwn ? undefined : process.env.S3_ENDPOINT;
  const gateway = external === undefined ? await Gateway.start(options) : undefined;
  const endpoint = external ?? gateway?.endpoint ?? '';
  const credentials = gateway?.credentials ?? {
    accessKeyId: process.env.S3_ACCESS_KEY ?? '',
    secretAccessKey: process.env.S3_SECRET_KEY ?? '',
  };
  const clients: S3Client[] = [];
  const buckets: string[] = [];
  const clientWith = (changes: S3ClientConfig) => {
    const client = makeClient(endpoint, credentials, changes);
    clients.push(client);
    return client;
  };
  const client = clientWith({});
  const target: Target = {
    endpoint,
    credentials,
    region,
    gateway,
    client,
    clientWith,
    send: (request) => send(target, request),
    put: (bucket, key, body, headers = {}) =>
      send(target, { method: 'PUT', path: objectPath(bucket, key), body, headers }),
    get: (bucket, key, query, headers = {}) =>
      send(target, { path: objectPath(bucket, key, query), headers }),
    head: (bucket, key, query, headers = {}) =>
      send(target, { method: 'HEAD', path: objectPath(bucket, key, query), headers }),
    delete: (bucket, key, query, headers = {}) =>
      send(target, { method: 'DELETE', path: objectPath(bucket, key, query), headers }),
    newBucketName: () => {
      const name = `conformance-${randomBytes(8).toString('hex')}`;
      buckets.push(name);
      return name;
    },
    makeBucket: async () => {
      const name = target.newBucketName();
      await client.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
  };
  after(async () => {
    if (gateway === undefined) for (const bucket of buckets) await emptyBucket(client, bucket);
    for (const each of clients) each.destroy();
    await gateway?.remove();
  });
  return target;
}
