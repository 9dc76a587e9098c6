/** Valid requests of every call, on names that earlier requests of a history have made. */
import fc from 'fast-check';
import { documents } from './documents.ts';
import type { Body, Filling, Form, Framing, Pair, Plan, StreamingForm } from './plan.ts';
import type { Header } from './signing.ts';

export const bucketName = fc.constantFrom(...'{b0} {b0} {b0} {b1} {b1} {b1} {b1} {b2}'.split(' '));
const keyWords = ['k', 'k', 'k', 'a/b', 'a/c', 'a/d/e', 'dir/', '%C3%A9', 'x%20y', '0'] as const;
const key = fc.constantFrom(...keyWords);
/** An object that stands before the first history: parts copied from it are large for nothing. */
const largeSource = 'fuzz-large/large';

const small = fc.nat(300);
const lengths = fc.oneof(
  { weight: 60, arbitrary: small },
  { weight: 3, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(65_536, 262_144, 600_000) },
);
export const poolBytes = 8 * 1024 * 1024;
export const filling: fc.Arbitrary<Filling> = fc.record({
  offset: fc.nat(poolBytes / 2),
  length: lengths,
});

const bytes: fc.Arbitrary<Body> = filling.map((given) => ({ kind: 'bytes', filling: given }));
const document = (texts: readonly string[]): fc.Arbitrary<Body> =>
  fc.constantFrom(...texts).map((text) => ({ kind: 'document', text, edits: [] }));
const noBody: fc.Arbitrary<Body> = fc.constant({ kind: 'none' });

const streamingForms: readonly StreamingForm[] = [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
];
const plain: Framing = { kind: 'length' };
export const framing: fc.Arbitrary<Framing> = fc.oneof(
  { weight: 8, arbitrary: fc.constant(plain) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 9000 })
      .map((chunk): Framing => ({ kind: 'chunked', chunk })),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        form: fc.constantFrom(...streamingForms),
        chunk: fc.constantFrom(64, 8192, 8192, 65_536, 65_536),
        chunkedTransfer: fc.boolean(),
        // {crc32} is filled in by what frames the body.
        hasTrailer: fc.boolean(),
      })
      .map(
        ({ hasTrailer, ...given }): Framing => ({
          kind: 'aws-chunked',
          ...given,
          trailers: hasTrailer ? [['x-amz-checksum-crc32', '{crc32}']] : [],
          edits: [],
        }),
      ),
  },
);

interface Call {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<Plan>;
}

interface CallParts {
  readonly path?: fc.Arbitrary<string>;
  readonly query?: fc.Arbitrary<readonly Pair[]> | readonly Pair[];
  readonly headers?: fc.Arbitrary<readonly Header[]>;
  readonly body?: fc.Arbitrary<Body>;
  readonly framing?: fc.Arbitrary<Framing>;
}

export const ofBucket = bucketName.map((name) => `/${name}`);
const ofObject = fc.tuple(bucketName, key).map(([name, given]) => `/${name}/${given}`);

function call(weight: number, name: string, method: string, parts: CallParts): Call {
  const query = Array.isArray(parts.query) ? fc.constant(parts.query) : parts.query;
  const arbitrary = fc
    .record({
      path: parts.path ?? ofObject,
      query: (query as fc.Arbitrary<readonly Pair[]> | undefined) ?? fc.constant([]),
      headers: parts.headers ?? fc.constant([]),
      body: parts.body ?? noBody,
      framing: parts.framing ?? fc.constant(plain),
    })
    .map(
      (given): Plan => ({
        call: name,
        method,
        ...given,
        auth: 'v4',
        payload: 'hashed',
        wire: { kind: 'whole' },
        virtualHost: false,
        changed: false,
        checked: false,
      }),
    );
  return { weight, arbitrary };
}

const flag = (...names: readonly string[]): readonly Pair[] =>
  names.map((name) => [name, undefined] as const);
const maybe = (...choices: readonly (readonly Pair[])[]) => fc.constantFrom([], ...choices);
const version: Pair = ['versionId', '{v0}'];
const anyVersion = maybe([], [version], [['versionId', '{v2}']], [['versionId', 'null']]);
const limit = fc.constantFrom<string>('0', '1', '2', '3', '1000');
const listing = (limitName: string, markers: readonly (readonly Pair[])[]) =>
  fc
    .record({
      limit,
      prefix: fc.constantFrom<readonly Pair[]>([], [['prefix', 'a/']], [['prefix', '']]),
      delimiter: fc.constantFrom<readonly Pair[]>(
        [],
        [],
        [['delimiter', '/']],
        [['delimiter', 'a/']],
      ),
      marker: fc.constantFrom<readonly Pair[]>([], ...markers),
      encoding: fc.constantFrom<readonly Pair[]>([], [['encoding-type', 'url']]),
    })
    .map((given): readonly Pair[] => [
      [limitName, given.limit],
      ...given.prefix,
      ...given.delimiter,
      ...given.marker,
      ...given.encoding,
    ]);
const metadata = fc.constantFrom<readonly Header[]>(
  [],
  [],
  [['Content-Type', 'text/plain']],
  [
    ['x-amz-meta-a', '1'],
    ['Cache-Control', 'no-cache'],
  ],
  [['x-amz-tagging', 'a=b']],
  [['x-amz-acl', 'public-read']],
);
const sometimes = (headers: fc.Arbitrary<readonly Header[]>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<readonly Header[]>([]) },
    { weight: 1, arbitrary: headers },
  );
const digests = fc
  .constantFrom('md5', 'crc32', 'sha1', 'sha256', 'sha512')
  .map((name): readonly Header[] => [[`x-amz-checksum-${name}`, `{${name}}`]]);
const uploadChecksums = fc
  .tuple(
    fc.constantFrom('CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256', 'SHA512', 'XXHASH3'),
    fc.constantFrom('COMPOSITE', 'FULL_OBJECT'),
  )
  .map(([algorithm, type]): readonly Header[] => [
    ['x-amz-checksum-algorithm', algorithm],
    ['x-amz-checksum-type', type],
  ]);
const writeConditions = fc.constantFrom<readonly Header[]>(
  [['If-None-Match', '*']],
  [['If-Match', '{e0}']],
  [['If-Match', '{e1}']],
  [['If-Match', '"absent"']],
);
const readConditions = fc.constantFrom<readonly Header[]>(
  [],
  [['Range', 'bytes=1-3']],
  [['Range', 'bytes=-2']],
  [['Range', 'bytes=900000-']],
  [
    ['Range', 'bytes=0-1'],
    ['If-Range', '{e0}'],
  ],
  [['If-None-Match', '{e0}']],
  [['If-Match', '{e0}']],
  [['If-Modified-Since', '{date}']],
  [['If-Unmodified-Since', 'Thu, 01 Jan 1970 00:00:00 GMT']],
  [['x-amz-checksum-mode', 'ENABLED']],
);
const upload: Pair = ['uploadId', '{u0}'];
/** Path and id are drawn apart: half of the time they belong together. */
const anyWritten = fc.constantFrom(0, 0, 0, 1, 5);
const partNumber = fc.constantFrom('1', '1', '2', '3', '10000');
const ofUpload = fc.constant('/{uploadPath0}');
const copied = fc
  .constantFrom(
    '{b0}/k',
    '/{b1}/k',
    '{b1}/a/b?versionId={v0}',
    '{b1}/k?versionId={v1}',
    largeSource,
  )
  .map((source): readonly Header[] => [['x-amz-copy-source', source]]);
const postForm: fc.Arbitrary<Body> = fc
  .record({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: S3's own variable
    key: fc.constantFrom('k', 'a/${filename}', 'form'),
    fields: fc.subarray<Pair>([
      ['Content-Type', 'text/plain'],
      ['x-amz-meta-a', '1'],
      ['acl', 'private'],
      ['success_action_status', '201'],
      ['success_action_redirect', 'http://app.example/done'],
      ['tagging', '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'],
    ]),
    conditions: fc.subarray([
      '["content-length-range",0,1048576]',
      '["starts-with","$key",""]',
      '["starts-with","$Content-Type","text/"]',
      '{"bucket":"{b0}"}',
    ]),
    filling,
    signature: fc.constantFrom<Form['signature'][]>('v4', 'v4', 'v4', 'v2', 'none', 'wrong'),
  })
  .map((given) => ({
    kind: 'form',
    form: {
      ...given,
      expiration: '2099-01-01T00:00:00.000Z',
      filename: 'file.txt',
      policyEdits: [],
      edits: [],
      boundary: 'xYzZY',
    },
  }));

const bucketReads = (
  'acl cors location versioning tagging lifecycle policy policyStatus encryption website logging ' +
  'notification replication accelerate requestPayment object-lock ownershipControls metrics ' +
  'publicAccessBlock analytics inventory intelligent-tiering abac session'
).split(' ');
const objectReads = 'acl tagging legal-hold retention torrent attributes'.split(' ');

export const calls: readonly Call[] = [
  call(24, 'PutObject', 'PUT', {
    body: bytes,
    headers: fc
      .tuple(metadata, sometimes(writeConditions), sometimes(digests))
      .map((all) => all.flat()),
    framing,
  }),
  call(8, 'CopyObject', 'PUT', { headers: copied }),
  call(10, 'GetObject', 'GET', { query: anyVersion, headers: readConditions }),
  call(2, 'GetPart', 'GET', { query: partNumber.map((given) => [['partNumber', given]]) }),
  call(5, 'HeadObject', 'HEAD', { query: anyVersion, headers: readConditions }),
  ...['GET', 'HEAD', 'DELETE'].map((method) =>
    call(4, `${method} of a version`, method, {
      path: anyWritten.map((index) => `/{versionPath${index}}`),
      query: anyWritten.map((index) => [['versionId', `{version${index}}`]]),
    }),
  ),
  call(8, 'DeleteObject', 'DELETE', {
    query: anyVersion,
    headers: sometimes(writeConditions),
  }),
  call(6, 'DeleteObjects', 'POST', {
    path: ofBucket,
    query: flag('delete'),
    headers: fc.constant([['Content-MD5', '{md5}']]),
    body: document(documents.delete),
  }),
  call(3, 'GetObjectAttributes', 'GET', {
    query: flag('attributes'),
    headers: fc.constant([
      ['x-amz-object-attributes', 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize'],
    ]),
  }),
  call(3, 'CreateBucket', 'PUT', {
    path: ofBucket,
    body: fc.oneof(noBody, document(documents.create)),
  }),
  call(1, 'DeleteBucket', 'DELETE', { path: ofBucket }),
  call(1, 'HeadBucket', 'HEAD', { path: ofBucket }),
  call(1, 'ListBuckets', 'GET', {
    path: fc.constant('/'),
    query: limit.map((given) => [
      ['max-buckets', given],
      ['prefix', '{b0}'],
    ]),
  }),
  call(3, 'ListObjects', 'GET', {
    path: ofBucket,
    query: listing('max-keys', [[['marker', 'a/b']], [['marker', '{t0}']]]),
  }),
  call(4, 'ListObjectsV2', 'GET', {
    path: ofBucket,
    query: listing('max-keys', [[['start-after', 'a']], [['continuation-token', '{t0}']]]).map(
      (query) => [['list-type', '2'], ...query],
    ),
  }),
  call(6, 'ListObjectVersions', 'GET', {
    path: ofBucket,
    query: listing('max-keys', [
      [['key-marker', 'a/b']],
      [
        ['key-marker', 'k'],
        ['version-id-marker', '{v0}'],
      ],
      [
        ['key-marker', 'k'],
        ['version-id-marker', 'null'],
      ],
    ]).map((query) => [...flag('versions'), ...query]),
  }),
  call(5, 'PutBucketVersioning', 'PUT', {
    path: ofBucket,
    query: flag('versioning'),
    body: document(documents.versioning),
  }),
  call(7, 'CreateMultipartUpload', 'POST', {
    query: flag('uploads'),
    headers: fc.tuple(metadata, sometimes(uploadChecksums)).map((all) => all.flat()),
  }),
  call(9, 'UploadPart', 'PUT', {
    path: ofUpload,
    query: partNumber.map((given) => [['partNumber', given], upload]),
    headers: sometimes(digests),
    body: bytes,
    framing,
  }),
  call(4, 'UploadPartCopy', 'PUT', {
    path: ofUpload,
    query: partNumber.map((given) => [['partNumber', given], upload]),
    headers: copied,
  }),
  call(8, 'CompleteMultipartUpload', 'POST', {
    path: ofUpload,
    query: [upload],
    headers: sometimes(writeConditions),
    body: document(documents.complete),
  }),
  call(2, 'AbortMultipartUpload', 'DELETE', { path: ofUpload, query: [upload] }),
  call(2, 'ListParts', 'GET', {
    path: ofUpload,
    query: limit.map((given) => [upload, ['max-parts', given]]),
  }),
  call(3, 'ListMultipartUploads', 'GET', {
    path: ofBucket,
    query: listing('max-uploads', [
      [['key-marker', 'a/b']],
      [
        ['key-marker', 'k'],
        ['upload-id-marker', '{u0}'],
      ],
    ]).map((query) => [...flag('uploads'), ...query]),
  }),
  call(3, 'PutObjectTagging', 'PUT', {
    query: anyVersion.map((query) => [...flag('tagging'), ...query]),
    body: document(documents.tagging),
  }),
  call(1, 'DeleteObjectTagging', 'DELETE', { query: flag('tagging') }),
  call(3, 'ReadOfObject', 'GET', {
    query: fc.constantFrom(...objectReads).map((name) => flag(name)),
  }),
  call(3, 'PutAcl', 'PUT', {
    path: fc.oneof(ofBucket, ofObject),
    query: flag('acl'),
    headers: fc
      .constantFrom('private', 'public-read', 'public-read-write', 'authenticated-read')
      .map((acl): readonly Header[] => [['x-amz-acl', acl]]),
  }),
  call(1, 'PutAclDocument', 'PUT', {
    path: fc.oneof(ofBucket, ofObject),
    query: flag('acl'),
    body: document(documents.acl),
  }),
  call(3, 'PutBucketCors', 'PUT', {
    path: ofBucket,
    query: flag('cors'),
    headers: fc.constant([['Content-MD5', '{md5}']]),
    body: document(documents.cors),
  }),
  call(2, 'PutBucketTagging', 'PUT', {
    path: ofBucket,
    query: flag('tagging'),
    headers: fc.constant([['Content-MD5', '{md5}']]),
    body: document(documents.tagging),
  }),
  call(1, 'DeleteOfBucket', 'DELETE', {
    path: ofBucket,
    query: fc.constantFrom('cors', 'tagging', 'policy', 'lifecycle').map((name) => flag(name)),
  }),
  call(4, 'ReadOfBucket', 'GET', {
    path: ofBucket,
    query: fc.constantFrom(...bucketReads).map((name) => flag(name)),
  }),
  call(2, 'OtherWrite', 'PUT', {
    path: fc.oneof(ofBucket, ofObject),
    query: fc.constantFrom(...bucketReads, ...objectReads).map((name) => flag(name)),
    body: document(documents.other),
  }),
  call(3, 'Preflight', 'OPTIONS', {
    headers: fc.constant([
      ['Origin', 'https://app.example'],
      ['Access-Control-Request-Method', 'PUT'],
    ]),
  }),
  call(8, 'PostObject', 'POST', { path: fc.constant('/{b0}'), body: postForm }),
  call(1, 'Health', 'GET', {
    path: fc.constantFrom('/_/health/live', '/_/health/ready', '/_/', '/_/x', '/favicon.ico'),
  }),
];
