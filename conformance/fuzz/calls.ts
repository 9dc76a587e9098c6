/** Valid requests of every call, on names that earlier requests of a history have made. */
import fc from 'fast-check';
import { documents } from './documents.ts';
import {
  anyVersion,
  anyWritten,
  bucketReads,
  bytes,
  copied,
  digests,
  document,
  flag,
  framing,
  limit,
  listing,
  metadata,
  noBody,
  objectReads,
  ofBucket,
  ofObject,
  ofUpload,
  partNumber,
  plain,
  postForm,
  readConditions,
  sometimes,
  upload,
  uploadChecksums,
  writeConditions,
} from './ingredients.ts';
import type { Body, Framing, Pair, Plan } from './plan.ts';
import type { Header } from './signing.ts';

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
