import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error, type S3ErrorCode } from '../s3/errors.ts';
import { type AuthenticateInput, authenticate } from './authenticate.ts';
import { SigningKeys } from './signing-keys.ts';
import type { Pair } from './sigv4.ts';
import {
  allVectors,
  chunkedTrailerVector,
  chunkedVector,
  chunkSha256s,
  exampleAccessKey,
  exampleDateLine,
  exampleScope,
  exampleSecret,
  presignedVector,
  type Vector,
} from './sigv4.vectors.ts';
import { exampleIdentity, inputOf, presigned, signed } from './test-requests.ts';

function inputOfVector(vector: Vector): AuthenticateInput {
  const { method, rawPath, rawQuery, headers } = vector;
  return inputOf({ method, rawPath, rawQuery, rawHeaders: headers });
}

function refusal(input: AuthenticateInput, code: S3ErrorCode): S3Error {
  try {
    authenticate(input);
  } catch (error) {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`not refused with ${code}`);
}

for (const vector of allVectors) {
  test(`published example authenticates: ${vector.name}`, () => {
    const authenticated = authenticate(inputOfVector(vector));
    assert.equal(authenticated.kind, 'signed');
    assert.deepEqual(authenticated.kind === 'signed' && authenticated.identity, exampleIdentity);
  });

  test(`any change to it does not: ${vector.name}`, () => {
    const input = inputOfVector(vector);
    refusal({ ...input, method: 'DELETE' }, 'SignatureDoesNotMatch');
    refusal({ ...input, rawPath: `${input.rawPath}x` }, 'SignatureDoesNotMatch');
    const more = input.rawQuery === '' ? 'acl' : `${input.rawQuery}&acl`;
    refusal({ ...input, rawQuery: more }, 'SignatureDoesNotMatch');
    const host: Pair = ['Host', 'elsewhere.example.com'];
    const rawHeaders = input.rawHeaders.map((pair) => (pair[0] === 'Host' ? host : pair));
    refusal({ ...input, rawHeaders }, 'SignatureDoesNotMatch');
  });
}

for (const vector of [chunkedVector, chunkedTrailerVector]) {
  test(`published chunks verify in their order only: ${vector.name}`, () => {
    const signerOf = () => {
      const authenticated = authenticate(inputOfVector(vector));
      const signer = authenticated.kind === 'signed' ? authenticated.chunkSigner : undefined;
      assert.ok(signer);
      return signer;
    };
    const [first, second, third] = vector.chunkSignatures;
    const signer = signerOf();
    assert.equal(signer.verifyChunk(chunkSha256s[0], first), true);
    assert.equal(signer.verifyChunk(chunkSha256s[1], second), true);
    assert.equal(signer.verifyChunk(chunkSha256s[2], third), true);
    if (vector.trailer !== undefined) {
      const { sha256, signature } = vector.trailer;
      assert.equal(signer.verifyTrailer(sha256, signature), true);
    }

    const skipping = signerOf();
    assert.equal(skipping.verifyChunk(chunkSha256s[1], second), false);
    // Once wrong, wrong for good.
    assert.equal(skipping.verifyChunk(chunkSha256s[0], first), false);

    const changed = signerOf();
    assert.equal(changed.verifyChunk(chunkSha256s[1], first), false);
    const lied = signerOf();
    assert.equal(lied.verifyChunk(chunkSha256s[0], second), false);
    assert.equal(lied.verifyChunk(chunkSha256s[1], second), false);
    const cut = signerOf();
    assert.equal(cut.verifyChunk(chunkSha256s[0], first.slice(1)), false);
    // A trailer's signature is not a chunk's, even over the same bytes.
    const mixed = signerOf();
    assert.equal(mixed.verifyTrailer(chunkSha256s[0], first), false);
  });
}

test('only signed streaming payloads come with a chunk signer', () => {
  for (const word of ['UNSIGNED-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'e3'.repeat(32)]) {
    const input = signed({
      method: 'PUT',
      headers: [
        ['Host', 's3.example.com'],
        ['X-Amz-Date', exampleDateLine],
        ['X-Amz-Content-Sha256', word],
      ],
    });
    const authenticated = authenticate(input);
    assert.equal(authenticated.kind, 'signed');
    assert.ok(!('chunkSigner' in authenticated));
  }
});

test('a request without a signature is anonymous, its payload kind known', () => {
  const withHash = (value: string) => inputOf({ rawHeaders: [['x-amz-content-sha256', value]] });
  assert.deepEqual(authenticate(inputOf({})), { kind: 'anonymous', payload: { kind: 'unsigned' } });
  assert.deepEqual(authenticate(withHash('STREAMING-UNSIGNED-PAYLOAD-TRAILER')), {
    kind: 'anonymous',
    payload: { kind: 'streaming-unsigned-trailer' },
  });
  refusal(withHash('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'), 'InvalidRequest');
});

test('a slash of a key may be sent as %2F and signed as a slash, as S3 has it', () => {
  for (const rawPath of ['/bucket/a%2Fb', '/bucket/a%2fb']) {
    assert.equal(authenticate({ ...signed({ rawPath: '/bucket/a/b' }), rawPath }).kind, 'signed');
    assert.equal(authenticate(signed({ rawPath })).kind, 'signed');
  }
  refusal(
    { ...signed({ rawPath: '/bucket/a/b' }), rawPath: '/bucket/a%252Fb' },
    'SignatureDoesNotMatch',
  );
});

test('host and x-amz-* headers must be signed', () => {
  const host: Pair = ['Host', 's3.example.com'];
  const date: Pair = ['X-Amz-Date', exampleDateLine];
  const payload: Pair = ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'];
  const acl: Pair = ['X-Amz-Acl', 'private'];
  const meta: Pair = ['x-amz-meta-a', '1'];
  const headers = [host, date, payload, meta, acl];

  const error = refusal(signed({ headers, signedHeaders: ['x-amz-date'] }), 'AccessDenied');
  assert.equal(error.message, 'There were headers present in the request which were not signed');
  assert.deepEqual(error.fields, { HeadersNotSigned: 'host, x-amz-acl, x-amz-meta-a' });

  refusal(presigned({ headers: [host, meta], signedHeaders: ['host'] }), 'AccessDenied');
  refusal(presigned({ headers: [host], signedHeaders: ['range'] }), 'AccessDenied');
  // The rest need not be, and x-amz-content-sha256 is part of every canonical request.
  const others: Pair[] = [
    ['Content-Type', 'text/plain'],
    ['X-Amzn-Trace-Id', 'Root=1'],
  ];
  const all = ['host', 'x-amz-date'];
  assert.ok(
    authenticate(signed({ headers: [host, date, payload, ...others], signedHeaders: all })),
  );
});

test('an unlisted x-amz-content-sha256 is still covered by the signature', () => {
  const input = signed({ signedHeaders: ['host', 'x-amz-date'] });
  assert.equal(authenticate(input).kind, 'signed');
  const rawHeaders = input.rawHeaders.map(
    ([name, value]): Pair => [name, name === 'X-Amz-Content-Sha256' ? 'e3'.repeat(32) : value],
  );
  refusal({ ...input, rawHeaders }, 'SignatureDoesNotMatch');
});

test('an unknown access key', () => {
  const error = refusal({ ...signed({}), lookup: () => undefined }, 'InvalidAccessKeyId');
  assert.deepEqual(error.fields, { AWSAccessKeyId: exampleAccessKey });
});

test('session tokens are unknown, whether signed or not, and never shown', () => {
  const token = 'FwoGZXIvYXdzEXAMPLETOKEN';
  const byHeader = signed({
    headers: [
      ['Host', 's3.example.com'],
      ['X-Amz-Date', exampleDateLine],
      ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'],
      ['X-Amz-Security-Token', token],
    ],
  });
  const byQuery = presigned({}, { 'X-Amz-Security-Token': token });
  for (const input of [byHeader, byQuery, { ...byQuery, rawPath: '/changed' }]) {
    const error = refusal(input, 'InvalidToken');
    assert.equal(error.status, 400);
    assert.ok(!JSON.stringify([error.message, error.fields]).includes(token));
  }
});

test('a mismatch shows what was computed and nothing secret', () => {
  const input = inputOfVector(presignedVector);
  const wrong = `${'0'.repeat(63)}1`;
  const rawQuery = input.rawQuery.replace(presignedVector.signature, wrong);
  const error = refusal({ ...input, rawQuery }, 'SignatureDoesNotMatch');
  assert.equal(error.status, 403);
  const { CanonicalRequest: canonical, StringToSign: text } = error.fields;
  assert.equal(canonical, presignedVector.canonicalRequest);
  assert.equal(
    text,
    `AWS4-HMAC-SHA256\n${exampleDateLine}\n20130524/us-east-1/s3/aws4_request\n${presignedVector.canonicalRequestSha256}`,
  );
  const spaced = (value: string) => Buffer.from(value).toString('hex').match(/../g)?.join(' ');
  assert.deepEqual(error.fields, {
    AWSAccessKeyId: exampleAccessKey,
    StringToSign: text,
    SignatureProvided: wrong,
    StringToSignBytes: spaced(text ?? ''),
    CanonicalRequest: canonical,
    CanonicalRequestBytes: spaced(canonical ?? ''),
  });
  const shown = JSON.stringify(error.fields);
  assert.ok(!shown.includes(presignedVector.signature), 'the right signature is not given away');
  assert.ok(!shown.includes(exampleSecret));
});

test('a mismatch shows header text as text and its bytes as bytes', () => {
  const input = signed({
    headers: [
      ['Host', 's3.example.com'],
      ['X-Amz-Date', exampleDateLine],
      ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'],
      ['X-Amz-Meta-A', 'voil\xc3\xa0'],
    ],
  });
  const error = refusal({ ...input, method: 'HEAD' }, 'SignatureDoesNotMatch');
  assert.match(error.fields.CanonicalRequest ?? '', /x-amz-meta-a:voilà\n/);
  assert.match(error.fields.CanonicalRequestBytes ?? '', / 6c c3 a0 0a /);
});

test('signatures of any length or content are refused, not thrown on', () => {
  for (const signature of ['', '0', 'é', '0'.repeat(63), '0'.repeat(65), '\u0661'.repeat(64)]) {
    refusal(presigned({}, { 'X-Amz-Signature': signature }), 'SignatureDoesNotMatch');
  }
});

test('repeated Host, Authorization and X-Amz-Date headers', () => {
  const input = signed({});
  for (const name of ['host', 'AUTHORIZATION', 'X-Amz-Date']) {
    const value = input.rawHeaders.find(([n]) => n.toLowerCase() === name.toLowerCase())?.[1] ?? '';
    for (const rawHeaders of [
      [...input.rawHeaders, [name, value] as const],
      [[name, 'other'] as const, ...input.rawHeaders],
    ]) {
      const error = refusal({ ...input, rawHeaders }, 'InvalidRequest');
      assert.match(error.message, new RegExp(name.toLowerCase()));
    }
  }
});

test('clients that sign their path as sent are understood', () => {
  for (const rawPath of ['/bucket/a+b', '/bucket/a*b', '/bucket/%7ea', '/bucket/a%2fb']) {
    assert.equal(authenticate(signed({ rawPath })).kind, 'signed', rawPath);
    assert.equal(authenticate(signed({ rawPath, signedPath: rawPath })).kind, 'signed', rawPath);
    refusal(signed({ rawPath, signedPath: '/bucket/other' }), 'SignatureDoesNotMatch');
  }
});

test('a Date header alone, signed in ISO form or as it stands', () => {
  const text = 'Fri, 24 May 2013 00:00:00 GMT';
  const headers: Pair[] = [
    ['Host', 's3.example.com'],
    ['Date', text],
    ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD'],
  ];
  assert.equal(authenticate(signed({ headers })).kind, 'signed');
  assert.equal(authenticate(signed({ headers, dateLine: text })).kind, 'signed');
  refusal(signed({ headers, dateLine: '20130524T000001Z' }), 'SignatureDoesNotMatch');
});

test('a signed header that is not there counts as empty', () => {
  const signedHeaders = ['host', 'x-amz-content-sha256', 'x-amz-date', 'x-amz-meta-empty'];
  assert.equal(authenticate(signed({ signedHeaders })).kind, 'signed');
});

test('only a key that verified a signature is remembered, and it serves again', () => {
  const signingKeys = new SigningKeys();
  const input = { ...signed({}), signingKeys };
  refusal({ ...input, method: 'PUT' }, 'SignatureDoesNotMatch');
  assert.equal(signingKeys.size, 0);
  authenticate(input);
  authenticate(input);
  assert.equal(signingKeys.size, 1);
  // A rotated secret is not served by the key of the old one.
  const rotated = () => ({ identity: exampleIdentity, secret: 'another-secret' });
  refusal({ ...input, lookup: rotated }, 'SignatureDoesNotMatch');
  const known = signingKeys.find(exampleAccessKey, exampleSecret, exampleScope);
  assert.equal(signingKeys.find(exampleAccessKey, exampleSecret, exampleScope), known);
});

test('unsigned extra parameters break a presigned URL, its own signature may stand anywhere', () => {
  const input = presigned({ rawQuery: 'versionId=abc&x-id=GetObject' });
  assert.equal(authenticate(input).kind, 'signed');
  const parts = input.rawQuery.split('&');
  assert.equal(authenticate({ ...input, rawQuery: parts.reverse().join('&') }).kind, 'signed');
  refusal({ ...input, rawQuery: `${input.rawQuery}&acl` }, 'SignatureDoesNotMatch');
});
