import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import { headersOf } from './headers.ts';
import { metadataHeaders, userMetadata } from './metadata.ts';

const stored = (value: string) => userMetadata(headersOf([['x-amz-meta-k', value]])).k;
/** What Node makes of the header bytes of a text in UTF-8. */
const asBytes = (text: string) => Buffer.from(text).toString('latin1');

test('names lose the prefix and their case, other headers are no metadata', () => {
  const headers = headersOf([
    ['X-Amz-Meta-Color', 'Red'],
    ['x-amz-meta-__proto__', 'p'],
    ['x-amz-metadata', 'no'],
    ['content-type', 'text/plain'],
  ]);
  const metadata = userMetadata(headers);
  assert.deepEqual(Object.entries(metadata), [
    ['color', 'Red'],
    ['__proto__', 'p'],
  ]);
  assert.deepEqual(Object.entries(metadataHeaders(metadata)), [
    ['x-amz-meta-color', 'Red'],
    ['x-amz-meta-__proto__', 'p'],
  ]);
});

test('header bytes of metadata are UTF-8, or latin1 where they cannot be', () => {
  assert.equal(stored(asBytes('Hello Wörld 😀')), 'Hello Wörld 😀');
  assert.equal(stored('caf\u00e9'), 'café');
});

test('or RFC 2047, in base64 and quoted, in several words and charsets', () => {
  assert.equal(stored('=?UTF-8?B?w6nwn5iA?='), 'é😀');
  assert.equal(stored('=?utf-8?q?caf=C3=A9_au_lait?='), 'café au lait');
  assert.equal(stored('=?ISO-8859-1?Q?caf=E9?='), 'café');
  assert.equal(stored('=?UTF-8?B?w6k=?= =?UTF-8?B?w6k=?= x'), 'éé x');
  assert.equal(stored('a =?UTF-8?Q?b?= c'), 'a b c');
});

test('what only looks like RFC 2047 stays as it is', () => {
  for (const text of [
    '=?x',
    '=?UTF-8?B?!?=',
    '=?UTF-8?B?/w==?=',
    '=?koi8-r?B?w6k=?=',
    '=?UTF-8?Q?=ZZ?=',
  ]) {
    assert.equal(stored(text), text);
    assert.equal(metadataHeaders({ k: text })['x-amz-meta-k'], text);
  }
});

test('ASCII is answered plain', () => {
  const metadata = { a: 'plain, =text_?', b: '', c: '=?UTF-8?B?YWJj?=', d: '\ta~\t' };
  assert.deepEqual(metadataHeaders(metadata), {
    'x-amz-meta-a': 'plain, =text_?',
    'x-amz-meta-b': '',
    'x-amz-meta-c': '=?UTF-8?B?YWJj?=',
    'x-amz-meta-d': '\ta~\t',
  });
});

// What S3 answered when asked, as a public test suite recorded it in February 2026, and the example of
// the User Guide's "Working with object metadata".
for (const [text, header] of [
  ['ÄMÄZÕÑ S3', '=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?='],
  [
    'test_—_file%E2%80%94_é_2?.pdf',
    '=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=3F.pdf?=',
  ],
  ['test_—_é_2👑.pdf', '=?UTF-8?Q?test=5F=E2=80=94=5F=C3=A9=5F2=F0=9F=91=91.pdf?='],
  ['\u0000\u0001\u0002\u0003', '=?UTF-8?B?AAECAw==?='],
  ['\ufffda\ufffd', '=?UTF-8?B?77+9Ye+/vQ==?='],
  [asBytes('ÄMÄZÕÑ S3'), '=?UTF-8?B?w4PChE3Dg8KEWsODwpXDg8KRIFMz?='],
  ['a\r\nb', '=?UTF-8?Q?a=0D=0Ab?='],
] as const) {
  test(`${JSON.stringify(text)} is answered as ${header}`, () => {
    assert.deepEqual(metadataHeaders({ k: text }), { 'x-amz-meta-k': header });
    assert.equal(stored(header), text);
  });
}

test('x-amz-missing-meta counts the names that no header can have', () => {
  const metadata = userMetadata(
    headersOf([
      ['x-amz-meta-ok', 'v'],
      ['x-amz-meta-', 'nameless'],
    ]),
  );
  assert.deepEqual(metadataHeaders({ ...metadata, 'odd name': 'x', 'a:b': 'x' }), {
    'x-amz-meta-ok': 'v',
    'x-amz-missing-meta': '3',
  });
});

test('any text survives the way out and in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
      const header = metadataHeaders({ k: text })['x-amz-meta-k'];
      assert.match(header ?? '', /^[\t\u0020-\u007e]*$/);
      // Text that looks like an encoded word itself is answered as it is, and read as what it looks like.
      if (!text.includes('=?')) assert.equal(stored(header ?? ''), text);
    }),
  );
});

test('MetadataTooLarge counts bytes of names and values up to 2048', () => {
  const of = (value: string) => userMetadata(headersOf([['x-amz-meta-name', value]]));
  assert.equal(of('v'.repeat(2044)).name?.length, 2044);
  for (const [value, size] of [
    ['v'.repeat(2045), '2049'],
    [asBytes('é'.repeat(1023)), '2050'],
  ] as const) {
    assert.throws(
      () => of(value),
      (error) =>
        error instanceof S3Error &&
        error.code === 'MetadataTooLarge' &&
        error.fields.Size === size &&
        error.fields.MaxSizeAllowed === '2048',
    );
  }
});
