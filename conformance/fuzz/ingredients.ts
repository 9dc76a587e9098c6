/** What calls.ts builds requests of: names, bodies, framings, and headers that make sense. */
import fc from 'fast-check';
import type { Body, Filling, Form, Framing, Pair, StreamingForm } from './plan.ts';
import type { Header } from './signing.ts';

const bucketName = fc.constantFrom(...'{b0} {b0} {b0} {b1} {b1} {b1} {b1} {b2}'.split(' '));
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
const filling: fc.Arbitrary<Filling> = fc.record({
  offset: fc.nat(poolBytes / 2),
  length: lengths,
});

export const bytes: fc.Arbitrary<Body> = filling.map((given) => ({
  kind: 'bytes',
  filling: given,
}));
export const document = (texts: readonly string[]): fc.Arbitrary<Body> =>
  fc.constantFrom(...texts).map((text) => ({ kind: 'document', text, edits: [] }));
export const noBody: fc.Arbitrary<Body> = fc.constant({ kind: 'none' });

const streamingForms: readonly StreamingForm[] = [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
];
export const plain: Framing = { kind: 'length' };
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
export const ofBucket = bucketName.map((name) => `/${name}`);
export const ofObject = fc.tuple(bucketName, key).map(([name, given]) => `/${name}/${given}`);

export const flag = (...names: readonly string[]): readonly Pair[] =>
  names.map((name) => [name, undefined] as const);
const maybe = (...choices: readonly (readonly Pair[])[]) => fc.constantFrom([], ...choices);
const version: Pair = ['versionId', '{v0}'];
export const anyVersion = maybe([], [version], [['versionId', '{v2}']], [['versionId', 'null']]);
export const limit = fc.constantFrom<string>('0', '1', '2', '3', '1000');
export const listing = (limitName: string, markers: readonly (readonly Pair[])[]) =>
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
export const metadata = fc.constantFrom<readonly Header[]>(
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
export const sometimes = (headers: fc.Arbitrary<readonly Header[]>) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<readonly Header[]>([]) },
    { weight: 1, arbitrary: headers },
  );
export const digests = fc
  .constantFrom('md5', 'crc32', 'sha1', 'sha256', 'sha512')
  .map((name): readonly Header[] => [[`x-amz-checksum-${name}`, `{${name}}`]]);
export const uploadChecksums = fc
  .tuple(
    fc.constantFrom('CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256', 'SHA512', 'XXHASH3'),
    fc.constantFrom('COMPOSITE', 'FULL_OBJECT'),
  )
  .map(([algorithm, type]): readonly Header[] => [
    ['x-amz-checksum-algorithm', algorithm],
    ['x-amz-checksum-type', type],
  ]);
export const writeConditions = fc.constantFrom<readonly Header[]>(
  [['If-None-Match', '*']],
  [['If-Match', '{e0}']],
  [['If-Match', '{e1}']],
  [['If-Match', '"absent"']],
);
export const readConditions = fc.constantFrom<readonly Header[]>(
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
export const upload: Pair = ['uploadId', '{u0}'];
/** Path and id are drawn apart: half of the time they belong together. */
export const anyWritten = fc.constantFrom(0, 0, 0, 1, 5);
export const partNumber = fc.constantFrom('1', '1', '2', '3', '10000');
export const ofUpload = fc.constant('/{uploadPath0}');
export const copied = fc
  .constantFrom(
    '{b0}/k',
    '/{b1}/k',
    '{b1}/a/b?versionId={v0}',
    '{b1}/k?versionId={v1}',
    largeSource,
  )
  .map((source): readonly Header[] => [['x-amz-copy-source', source]]);
export const postForm: fc.Arbitrary<Body> = fc
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

export const bucketReads = (
  'acl cors location versioning tagging lifecycle policy policyStatus encryption website logging ' +
  'notification replication accelerate requestPayment object-lock ownershipControls metrics ' +
  'publicAccessBlock analytics inventory intelligent-tiering abac session'
).split(' ');
export const objectReads = 'acl tagging legal-hold retention torrent attributes'.split(' ');
