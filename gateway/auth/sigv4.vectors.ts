/**
 * The worked examples of Amazon's documentation, for tests. Copied values, nothing computed.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
import { emptySha256, type Pair } from './sigv4.ts';

export const exampleAccessKey = 'AKIAIOSFODNN7EXAMPLE';
export const exampleSecret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
export const exampleDateLine = '20130524T000000Z';
export const exampleNowMs = Date.UTC(2013, 4, 24);
export const exampleScope = { date: '20130524', region: 'us-east-1' } as const;

const credential = `${exampleAccessKey}/20130524/us-east-1/s3/aws4_request`;

function authorization(signedHeaders: string, signature: string): Pair {
  return [
    'Authorization',
    `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signedHeaders},Signature=${signature}`,
  ];
}

export interface Vector {
  readonly name: string;
  readonly method: string;
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: readonly Pair[];
  readonly canonicalRequest: string;
  /** SHA-256 of the canonical request, the last line of the string to sign. */
  readonly canonicalRequestSha256: string;
  readonly signature: string;
}

const bucketHost: Pair = ['Host', 'examplebucket.s3.amazonaws.com'];
const date: Pair = ['x-amz-date', exampleDateLine];
const emptyBody: Pair = ['x-amz-content-sha256', emptySha256];

const getBucket = {
  method: 'GET',
  rawPath: '/',
  headers: [bucketHost, date, emptyBody],
} as const;
const getBucketHeaderLines = [
  'host:examplebucket.s3.amazonaws.com',
  `x-amz-content-sha256:${emptySha256}`,
  'x-amz-date:20130524T000000Z',
  '',
  'host;x-amz-content-sha256;x-amz-date',
  emptySha256,
];

export const headerVectors: readonly Vector[] = [
  {
    name: 'GET object with a range',
    method: 'GET',
    rawPath: '/test.txt',
    rawQuery: '',
    headers: [
      bucketHost,
      authorization(
        'host;range;x-amz-content-sha256;x-amz-date',
        'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      ),
      ['Range', 'bytes=0-9'],
      emptyBody,
      date,
    ],
    canonicalRequest: [
      'GET',
      '/test.txt',
      '',
      'host:examplebucket.s3.amazonaws.com',
      'range:bytes=0-9',
      `x-amz-content-sha256:${emptySha256}`,
      'x-amz-date:20130524T000000Z',
      '',
      'host;range;x-amz-content-sha256;x-amz-date',
      emptySha256,
    ].join('\n'),
    canonicalRequestSha256: '7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'PUT object',
    method: 'PUT',
    rawPath: '/test$file.text',
    rawQuery: '',
    headers: [
      bucketHost,
      ['Date', 'Fri, 24 May 2013 00:00:00 GMT'],
      authorization(
        'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      ),
      date,
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ['x-amz-content-sha256', '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'],
    ],
    canonicalRequest: [
      'PUT',
      '/test%24file.text',
      '',
      'date:Fri, 24 May 2013 00:00:00 GMT',
      'host:examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256:44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      'x-amz-date:20130524T000000Z',
      'x-amz-storage-class:REDUCED_REDUNDANCY',
      '',
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    ].join('\n'),
    canonicalRequestSha256: '9e0e90d9c76de8fa5b200d8c849cd5b8dc7a3be3951ddb7f6a76b4158342019d',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'GET bucket lifecycle',
    ...getBucket,
    rawQuery: 'lifecycle',
    headers: [
      ...getBucket.headers,
      authorization(
        'host;x-amz-content-sha256;x-amz-date',
        'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
      ),
    ],
    canonicalRequest: ['GET', '/', 'lifecycle=', ...getBucketHeaderLines].join('\n'),
    canonicalRequestSha256: '9766c798316ff2757b517bc739a67f6213b4ab36dd5da2f94eaebf79c77395ca',
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'GET bucket (list objects)',
    ...getBucket,
    rawQuery: 'max-keys=2&prefix=J',
    headers: [
      ...getBucket.headers,
      authorization(
        'host;x-amz-content-sha256;x-amz-date',
        '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      ),
    ],
    canonicalRequest: ['GET', '/', 'max-keys=2&prefix=J', ...getBucketHeaderLines].join('\n'),
    canonicalRequestSha256: 'df57d21db20da04d7fa30298dd4488ba3a2b47ca3a489c74750e0f1e7df1b9b7',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];

const presignedParameters = `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${credential.replaceAll('/', '%2F')}&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host`;

export const presignedVector: Vector = {
  name: 'presigned GET object',
  method: 'GET',
  rawPath: '/test.txt',
  rawQuery: `${presignedParameters}&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`,
  headers: [bucketHost],
  canonicalRequest: [
    'GET',
    '/test.txt',
    presignedParameters,
    'host:examplebucket.s3.amazonaws.com',
    '',
    'host',
    'UNSIGNED-PAYLOAD',
  ].join('\n'),
  canonicalRequestSha256: '3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04',
  signature: 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
};

export interface ChunkedVector extends Vector {
  /** The chunks are 65536, 1024 and 0 bytes of the letter a. */
  readonly chunkSignatures: readonly [string, string, string];
  readonly trailer?: {
    readonly lines: string;
    readonly sha256: string;
    readonly signature: string;
  };
}

/** SHA-256 of 65536, 1024 and 0 letters a. */
export const chunkSha256s = [
  'bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a',
  '2edc986847e209b4016e141a6dc8716d3207350f416969382d431539bf292e4a',
  emptySha256,
] as const;

const chunkedHeaders: readonly Pair[] = [
  ['Host', 's3.amazonaws.com'],
  date,
  ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
  ['Content-Encoding', 'aws-chunked'],
  ['x-amz-decoded-content-length', '66560'],
  ['Content-Length', '66824'],
];

export const chunkedVector: ChunkedVector = {
  name: 'PUT object in signed chunks',
  method: 'PUT',
  rawPath: '/examplebucket/chunkObject.txt',
  rawQuery: '',
  headers: [
    ...chunkedHeaders,
    ['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'],
    authorization(
      'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
      '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    ),
  ],
  canonicalRequest: [
    'PUT',
    '/examplebucket/chunkObject.txt',
    '',
    'content-encoding:aws-chunked',
    'content-length:66824',
    'host:s3.amazonaws.com',
    'x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'x-amz-date:20130524T000000Z',
    'x-amz-decoded-content-length:66560',
    'x-amz-storage-class:REDUCED_REDUNDANCY',
    '',
    'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  ].join('\n'),
  canonicalRequestSha256: 'cee3fed04b70f867d036f722359b0b1f2f0e5dc0efadbc082b76c4c60e316455',
  signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
  chunkSignatures: [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ],
};

export const chunkedTrailerVector: ChunkedVector = {
  name: 'PUT object in signed chunks with a signed trailer',
  method: 'PUT',
  rawPath: '/examplebucket/chunkObject.txt',
  rawQuery: '',
  headers: [
    ...chunkedHeaders,
    ['x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER'],
    ['x-amz-trailer', 'x-amz-checksum-crc32c'],
    // The page's Authorization header lists other headers than its canonical request; this list is
    // the canonical request's, which its signature is of.
    authorization(
      'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
      '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    ),
  ],
  canonicalRequest: [
    'PUT',
    '/examplebucket/chunkObject.txt',
    '',
    'content-encoding:aws-chunked',
    'host:s3.amazonaws.com',
    'x-amz-content-sha256:STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
    'x-amz-date:20130524T000000Z',
    'x-amz-decoded-content-length:66560',
    'x-amz-storage-class:REDUCED_REDUNDANCY',
    'x-amz-trailer:x-amz-checksum-crc32c',
    '',
    'content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  ].join('\n'),
  canonicalRequestSha256: '44d48b8c2f70eae815a0198cc73d7a546a73a93359c070abbaa5e6c7de112559',
  signature: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
  chunkSignatures: [
    'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
    '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
    '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
  ],
  trailer: {
    lines: 'x-amz-checksum-crc32c:sOO8/Q==\n',
    sha256: '1e376db7e1a34a8ef1c4bcee131a2d60a1cb62503747488624e10995f448d774',
    signature: 'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
  },
};

export const allVectors: readonly Vector[] = [
  ...headerVectors,
  presignedVector,
  chunkedVector,
  chunkedTrailerVector,
];
