import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  canonicalHeaderValues,
  canonicalParameters,
  canonicalPath,
  canonicalQuery,
  canonicalRequest,
  chunkStringToSign,
  deriveSigningKey,
  emptySha256,
  type Pair,
  signatureOf,
  signaturesEqual,
  stringToSign,
  trailerStringToSign,
} from './sigv4.ts';
import {
  allVectors,
  chunkedTrailerVector,
  chunkedVector,
  chunkSha256s,
  exampleDateLine,
  exampleScope,
  exampleSecret,
  type Vector,
} from './sigv4.vectors.ts';

function canonicalOf(vector: Vector): string {
  const lines = vector.canonicalRequest.split('\n');
  return canonicalRequest({
    method: vector.method,
    path: canonicalPath(vector.rawPath),
    query: canonicalQuery(
      canonicalParameters(vector.rawQuery).filter(([name]) => name !== 'X-Amz-Signature'),
    ),
    headers: canonicalHeaderValues(vector.headers),
    signedHeaders: lines.at(-2)?.split(';') ?? [],
    payloadHash: lines.at(-1) ?? '',
  });
}

for (const vector of allVectors) {
  test(`published example: ${vector.name}`, () => {
    const canonical = canonicalOf(vector);
    assert.equal(canonical, vector.canonicalRequest);
    const text = stringToSign(canonical, exampleDateLine, exampleScope);
    assert.equal(
      text,
      `AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n${vector.canonicalRequestSha256}`,
    );
    const key = deriveSigningKey(exampleSecret, exampleScope);
    assert.equal(signatureOf(key, text), vector.signature);
  });
}

for (const vector of [chunkedVector, chunkedTrailerVector]) {
  test(`published chunk signatures: ${vector.name}`, () => {
    const key = deriveSigningKey(exampleSecret, exampleScope);
    let previous = vector.signature;
    vector.chunkSignatures.forEach((expected, at) => {
      const sha256 = chunkSha256s[at] ?? '';
      assert.equal(hash('sha256', 'a'.repeat([65536, 1024, 0][at] ?? 0)), sha256);
      const text = chunkStringToSign(exampleDateLine, exampleScope, previous, sha256);
      assert.equal(signatureOf(key, text), expected);
      previous = expected;
    });
    if (vector.trailer === undefined) return;
    assert.equal(hash('sha256', vector.trailer.lines), vector.trailer.sha256);
    const text = trailerStringToSign(
      exampleDateLine,
      exampleScope,
      previous,
      vector.trailer.sha256,
    );
    assert.equal(signatureOf(key, text), vector.trailer.signature);
  });
}

test('the path keeps what keys may hold and agrees on encodings', () => {
  const cases: [string, string][] = [
    ['', '/'],
    ['/', '/'],
    ['/b//x/./../y/', '/b//x/./../y/'],
    ['/b/a%2fb', '/b/a%2Fb'],
    ['/b/%7e%41~*', '/b/~A~%2A'],
    ['/b/100%', '/b/100%25'],
    ['/b/%zz%4', '/b/%25zz%254'],
    ['/b/%ff%C3%A9', '/b/%FF%C3%A9'],
    ['/b/\xc3\xa9', '/b/%C3%A9'],
    ['/b/\u{1f600}\u20ac', '/b/%F0%9F%98%80%E2%82%AC'],
    ['/b/a+b c', '/b/a%2Bb%20c'],
    ["/b/!'()*", '/b/%21%27%28%29%2A'],
    ['/b/%2525', '/b/%2525'],
  ];
  for (const [raw, canonical] of cases) assert.equal(canonicalPath(raw), canonical, raw);
});

test('the query is sorted by encoded name, then value', () => {
  const cases: [string, string][] = [
    ['', ''],
    ['lifecycle', 'lifecycle='],
    ['prefix=J&max-keys=2', 'max-keys=2&prefix=J'],
    ['a=2&a=10&a=1', 'a=1&a=10&a=2'],
    ['a-b=1&a=1', 'a=1&a-b=1'],
    ['a%2Fb=1&a=', 'a=&a%2Fb=1'],
    ['&&a=b=c&', 'a=b%3Dc'],
    ['prefix=a+b%20c/d', 'prefix=a%2Bb%20c%2Fd'],
    ['=x', '=x'],
    ['B=1&a=1&_=1', 'B=1&_=1&a=1'],
  ];
  for (const [raw, canonical] of cases) {
    assert.equal(canonicalQuery(canonicalParameters(raw)), canonical, raw);
  }
});

test('canonical encoding of any text is that of the encoder it has to agree with', () => {
  // encodeURIComponent leaves five characters that RFC 3986 reserves.
  const strict = (text: string) =>
    encodeURIComponent(text).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const encoded = strict(text);
      const path = encoded.replaceAll('%2F', '/');
      assert.equal(canonicalPath(`/${path}`), `/${path}`);
      assert.equal(canonicalPath(`/${path.toLowerCase()}`).toLowerCase(), `/${path}`.toLowerCase());
      assert.equal(canonicalQuery(canonicalParameters(`k=${encoded}`)), `k=${encoded}`);
      // Every character as an escape, the needless ones too.
      const escaped = Buffer.from(text).toString('hex').replace(/../g, '%$&');
      assert.equal(canonicalQuery(canonicalParameters(`k=${escaped}`)), `k=${encoded}`);
    }),
  );
});

test('canonical forms are stable: canonicalising again changes nothing', () => {
  const wire = fc.string({
    unit: fc.integer({ min: 0x21, max: 0xff }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(
    fc.property(wire, (text) => {
      const path = canonicalPath(`/${text}`);
      assert.equal(canonicalPath(path), path);
      const query = canonicalQuery(canonicalParameters(text));
      assert.equal(canonicalQuery(canonicalParameters(query)), query);
    }),
  );
});

test('header values: trimmed, blanks collapsed, repeats joined in order, bytes kept', () => {
  const values = canonicalHeaderValues([
    ['X-Amz-Meta-A', '  one \t  two '],
    ['x-amz-META-b', 'first'],
    ['X-Amz-Meta-B', ' second '],
    // The UTF-8 of à ends in 0xA0, which JavaScript counts as white space.
    ['x-amz-meta-c', 'voil\xc3\xa0'],
    ['x-amz-meta-d', ''],
    ['x-amz-meta-e', ' \t '],
  ]);
  assert.deepEqual(
    [...values],
    [
      ['x-amz-meta-a', 'one two'],
      ['x-amz-meta-b', 'first,second'],
      ['x-amz-meta-c', 'voil\xc3\xa0'],
      ['x-amz-meta-d', ''],
      ['x-amz-meta-e', ''],
    ],
  );
});

test('a header value is signed as the bytes on the wire', () => {
  const headers: Pair[] = [['x-amz-meta-c', 'voil\xc3\xa0']];
  const canonical = canonicalRequest({
    method: 'GET',
    path: '/',
    query: '',
    headers: canonicalHeaderValues(headers),
    signedHeaders: ['x-amz-meta-c'],
    payloadHash: emptySha256,
  });
  const asUtf8 = Buffer.from(`GET\n/\n\nx-amz-meta-c:voilà\n\nx-amz-meta-c\n${emptySha256}`);
  assert.equal(
    stringToSign(canonical, exampleDateLine, exampleScope).split('\n').at(-1),
    hash('sha256', asUtf8),
  );
});

test('signatures compare by content, and no length makes it throw', () => {
  const signature = 'ab'.repeat(32);
  assert.equal(signaturesEqual(signature, signature), true);
  for (const other of ['', 'ab', `${signature}00`, signature.toUpperCase(), 'ac'.repeat(32)]) {
    assert.equal(signaturesEqual(signature, other), false, other);
  }
  // 64 characters, more bytes; and one whose low byte is the right digit.
  assert.equal(signaturesEqual(signature, `é${signature.slice(1)}`), false);
  assert.equal(signaturesEqual(signature, `\u0161${signature.slice(1)}`), false);
  // Nor is what is left of the signature that was looked at before.
  assert.equal(signaturesEqual(signature, signature), true);
  assert.equal(signaturesEqual(signature, `${signature.slice(0, 63)}é`), false);
  assert.equal(signaturesEqual('', ''), false);
});
