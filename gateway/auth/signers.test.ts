/**
 * Requests as other people's signers make them: the AWS SDK for JavaScript over a real connection,
 * its presigner, and aws4, with keys, queries and metadata as odd as they come.
 */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import aws4 from 'aws4';
import fc from 'fast-check';
import { S3Error } from '../s3/errors.ts';
import { type Authenticated, authenticate } from './authenticate.ts';
import { SigningKeys } from './signing-keys.ts';
import type { Pair } from './sigv4.ts';
import { exampleAccessKey, exampleSecret } from './sigv4.vectors.ts';
import { exampleIdentity } from './test-requests.ts';

const runs = 100;
const signingKeys = new SigningKeys();

/** The last request's outcome: tests are sequential. */
let outcome: Authenticated | S3Error | undefined;

const server = createServer((incoming, response) => {
  outcome = outcomeOf(incoming);
  incoming.resume();
  incoming.on('end', () => {
    response.writeHead(outcome instanceof S3Error ? outcome.status : 200, {
      'Content-Type': 'application/xml',
    });
    const isListing = incoming.method === 'GET' && incoming.url?.includes('list-type');
    response.end(isListing ? '<ListBucketResult></ListBucketResult>' : '');
  });
});

function outcomeOf(incoming: IncomingMessage): Authenticated | S3Error {
  const [rawPath = '', ...query] = (incoming.url ?? '').split('?');
  const rawHeaders: Pair[] = [];
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    rawHeaders.push([incoming.rawHeaders[at] ?? '', incoming.rawHeaders[at + 1] ?? '']);
  }
  return outcomeOfParts(incoming.method ?? '', rawPath, query.join('?'), rawHeaders);
}

function outcomeOfParts(
  method: string,
  rawPath: string,
  rawQuery: string,
  rawHeaders: readonly Pair[],
): Authenticated | S3Error {
  try {
    return authenticate({
      method,
      rawPath,
      rawQuery,
      rawHeaders,
      nowMs: Date.now(),
      region: 'eu-central-1',
      sigv2: false,
      hostBucket: undefined,
      subResources: new Set(),
      lookup: (accessKey) =>
        accessKey === exampleAccessKey
          ? { identity: exampleIdentity, secret: exampleSecret }
          : undefined,
      signingKeys,
    });
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
}

function assertSigned(result: Authenticated | S3Error | undefined): void {
  if (result instanceof S3Error) {
    assert.fail(`${result.code}: ${result.message}\n${result.fields.CanonicalRequest ?? ''}`);
  }
  assert.equal(result?.kind, 'signed');
}

let client: S3Client;
let endpoint = '';

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = new S3Client({
    endpoint,
    region: 'eu-central-1',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: { accessKeyId: exampleAccessKey, secretAccessKey: exampleSecret },
  });
});

after(() => {
  client.destroy();
  server.closeAllConnections();
  server.close();
});

/** The server's answer is of no interest here, only what it made of the request. */
async function assertSentSigned(send: () => Promise<unknown>): Promise<void> {
  outcome = undefined;
  const failure = await send().then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome !== undefined, `nothing was sent: ${failure}`);
  assertSigned(outcome);
}

/** Pieces that go wrong somewhere, glued together at random. */
const oddPiece = fc.oneof(
  fc.constantFrom(...' +%/.*~!\'()&=?#;:@,$"<>\\^`{|}[]-_aB0'),
  fc.constantFrom('  ', '%41', '%2F', '%zz', '//', '/./', '/../', '..'),
  fc.constantFrom('\u0001', '\n', '\r', '\t', '\u007f', '\u00a0', '\u2028'),
  fc.constantFrom('é', 'e\u0301', 'ß', 'Ω', '日本', '🙂'),
  fc.string({ maxLength: 4 }),
);
const oddText = fc.array(oddPiece, { maxLength: 8 }).map((pieces) => pieces.join(''));
const oddKey = oddText.filter((key) => key !== '');

test('SDK: keys of every kind', async () => {
  await fc.assert(
    fc.asyncProperty(oddKey, async (key) => {
      const command = new DeleteObjectCommand({ Bucket: 'bucket', Key: key });
      await assertSentSigned(() => client.send(command));
    }),
    { numRuns: runs },
  );
});

test('SDK: query parameters of every kind', async () => {
  await fc.assert(
    fc.asyncProperty(oddText, oddText, async (prefix, delimiter) => {
      const command = new ListObjectsV2Command({
        Bucket: 'bucket',
        Prefix: prefix,
        Delimiter: delimiter,
        StartAfter: `${delimiter}${prefix}`,
      });
      await assertSentSigned(() => client.send(command));
    }),
    { numRuns: runs },
  );
});

test('SDK: metadata and signed ordinary headers', async () => {
  const value = fc
    .array(fc.constantFrom('a', ' ', '  ', ',', ';', '=', '"', "'", '~', ':'), { maxLength: 8 })
    .map((characters) => characters.join(''));
  await fc.assert(
    fc.asyncProperty(value, value, async (first, second) => {
      const put = new PutObjectCommand({
        Bucket: 'bucket',
        Key: 'key',
        Body: `body ${first}`,
        Metadata: { first, second: `x${second}` },
      });
      await assertSentSigned(() => client.send(put));
      const get = new GetObjectCommand({ Bucket: 'bucket', Key: 'key', Range: 'bytes=0-9' });
      await assertSentSigned(() => client.send(get));
    }),
    { numRuns: runs / 2 },
  );
});

test('presigner: keys, parameters and hoisted headers of every kind', async () => {
  await fc.assert(
    fc.asyncProperty(oddKey, oddText, async (key, text) => {
      const Bucket = 'bucket';
      const sign = { expiresIn: 60 };
      const get = new GetObjectCommand({ Bucket, Key: key, ResponseContentDisposition: text });
      const head = new HeadObjectCommand({ Bucket, Key: key, VersionId: text });
      const put = new PutObjectCommand({ Bucket, Key: key, Metadata: { text: 'plain' } });
      const urls: [string, string][] = [
        ['GET', await getSignedUrl(client, get, sign)],
        ['HEAD', await getSignedUrl(client, head, sign)],
        ['PUT', await getSignedUrl(client, put, sign)],
      ];
      const headers: Pair[] = [['Host', endpoint.replace('http://', '')]];
      for (const [method, url] of urls) {
        // Cut by hand: URL would resolve the dots in the path.
        const [path = '', query = ''] = url.slice(endpoint.length).split('?');
        assertSigned(outcomeOfParts(method, path, query, headers));
        const other = outcomeOfParts('DELETE', path, query, headers);
        assert.ok(other instanceof S3Error && other.code === 'SignatureDoesNotMatch');
      }
    }),
    { numRuns: runs / 2 },
  );
});

test('aws4: keys and parameters, by header and presigned', () => {
  fc.assert(
    fc.property(oddText, oddText, fc.boolean(), (key, text, signQuery) => {
      // Spaces as %20 and plus as %2B: aws4 takes a bare plus for a space, which S3 does not.
      const path = `/bucket/${encodeURIComponent(key).replaceAll('%2F', '/')}?prefix=${encodeURIComponent(text)}&list-type=2`;
      const signed = aws4.sign(
        {
          service: 's3',
          region: 'eu-central-1',
          method: 'GET',
          host: 's3.example.com',
          path,
          signQuery,
        },
        { accessKeyId: exampleAccessKey, secretAccessKey: exampleSecret },
      );
      const target = signed.path ?? '';
      const mark = target.indexOf('?');
      const headers = Object.entries(signed.headers ?? {}).map(
        ([name, value]): Pair => [name, String(value)],
      );
      assertSigned(outcomeOfParts('GET', target.slice(0, mark), target.slice(mark + 1), headers));
    }),
    { numRuns: runs },
  );
});

test('metadata in UTF-8 is verified as the bytes that arrive', async () => {
  const text = 'voilà 日本';
  const options = aws4.sign(
    {
      service: 's3',
      region: 'eu-central-1',
      method: 'PUT',
      host: endpoint.replace('http://', ''),
      path: '/bucket/key',
      headers: { 'x-amz-meta-text': text, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    },
    { accessKeyId: exampleAccessKey, secretAccessKey: exampleSecret },
  );
  // Node writes header text as latin1, so its UTF-8 has to be given as one character per byte.
  const headers = { ...options.headers, 'x-amz-meta-text': Buffer.from(text).toString('latin1') };
  await new Promise<void>((resolve, reject) => {
    const outgoing = request(`${endpoint}/bucket/key`, { method: 'PUT', headers }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  assertSigned(outcome);
});
