/** ListObjectsV2: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListObjectsV2Command, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { assertError, encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const keys = ['a', 'a/1', 'a/2', 'a/b/3', 'a0', 'b/1', 'b/2', 'c', 'é', '😀'];
for (const key of keys) await s3.put(bucket, key, key);

const list = (query: string) => s3.send({ path: `/${bucket}?list-type=2&${query}` });
const prefixesOf = (xml: string) =>
  elements(xml, 'CommonPrefixes').map((each) => textOf(each, 'Prefix') ?? '');

test('lists keys in UTF-8 order with size, ETag, time and storage class', async () => {
  const answer = await list('');
  assert.equal(answer.status, 200);
  assert.match(
    answer.text,
    /<ListBucketResult xmlns="http:\/\/s3\.amazonaws\.com\/doc\/2006-03-01\/">/,
  );
  assert.deepEqual(textsOf(answer.text, 'Key'), keys);
  assert.equal(textOf(answer.text, 'Name'), bucket);
  assert.equal(textOf(answer.text, 'KeyCount'), String(keys.length));
  assert.equal(textOf(answer.text, 'MaxKeys'), '1000');
  assert.equal(textOf(answer.text, 'IsTruncated'), 'false');
  const [first = ''] = elements(answer.text, 'Contents');
  assert.equal(textOf(first, 'Size'), '1');
  assert.equal(textOf(first, 'ETag'), '"0cc175b9c0f1b6a831c399e269772661"');
  assert.equal(textOf(first, 'StorageClass'), 'STANDARD');
  assert.match(textOf(first, 'LastModified') ?? '', /\.\d{3}Z$/);
  assert.equal(elements(first, 'Owner').length, 0);
});

test('fetch-owner adds the owner', async () => {
  const answer = await list('fetch-owner=true&max-keys=1');
  assert.ok((textOf(elements(answer.text, 'Owner')[0] ?? '', 'ID') ?? '').length > 0);
});

test('the order is that of UTF-8 bytes, not of UTF-16 units', async () => {
  const other = await s3.makeBucket();
  // U+FF5E is EF BD 9E, U+1F600 is F0 9F 98 80; in UTF-16 the second sorts first.
  for (const key of ['\u{1f600}', '\uff5e', 'Z', 'a']) await s3.put(other, key, 'x');
  const answer = await s3.send({ path: `/${other}?list-type=2` });
  assert.deepEqual(textsOf(answer.text, 'Key'), ['Z', 'a', '\uff5e', '\u{1f600}']);
});

test('prefix and delimiter', async () => {
  const cases: readonly (readonly [string, string[], string[]])[] = [
    ['prefix=a', ['a', 'a/1', 'a/2', 'a/b/3', 'a0'], []],
    ['prefix=a%2F', ['a/1', 'a/2', 'a/b/3'], []],
    ['delimiter=%2F', ['a', 'a0', 'c', 'é', '😀'], ['a/', 'b/']],
    ['delimiter=%2F&prefix=a%2F', ['a/1', 'a/2'], ['a/b/']],
    ['delimiter=%2F&prefix=a', ['a', 'a0'], ['a/']],
    ['delimiter=%2Fb%2F', ['a', 'a/1', 'a/2', 'a0', 'b/1', 'b/2', 'c', 'é', '😀'], ['a/b/']],
    ['prefix=none', [], []],
  ];
  for (const [query, contents, prefixes] of cases) {
    const answer = await list(query);
    assert.deepEqual(textsOf(answer.text, 'Key'), contents, query);
    assert.deepEqual(prefixesOf(answer.text), prefixes, query);
    assert.equal(textOf(answer.text, 'KeyCount'), String(contents.length + prefixes.length), query);
  }
});

test('start-after begins strictly after the key, also inside a common prefix', async () => {
  assert.deepEqual(textsOf((await list('start-after=a0')).text, 'Key'), keys.slice(5));
  assert.deepEqual(textsOf((await list('start-after=a%2F')).text, 'Key'), keys.slice(1));
  const inside = await list('start-after=a%2F1&delimiter=%2F');
  assert.deepEqual(prefixesOf(inside.text), ['a/', 'b/']);
  assert.equal(textOf(inside.text, 'StartAfter'), 'a/1');
});

test('every page size gives the same keys and prefixes, each once', async () => {
  for (let size = 1; size <= keys.length; size += 1) {
    for (const [query, expected] of [
      ['', keys],
      ['delimiter=%2F', ['a', 'a/', 'a0', 'b/', 'c', 'é', '😀']],
    ] as const) {
      const seen: string[] = [];
      let token: string | undefined;
      do {
        const more = token === undefined ? '' : `&continuation-token=${encodeRfc3986(token)}`;
        const answer = await list(`${query}&max-keys=${size}${more}`);
        const page = [...textsOf(answer.text, 'Key'), ...prefixesOf(answer.text)].sort();
        assert.ok(page.length <= size);
        assert.equal(textOf(answer.text, 'KeyCount'), String(page.length));
        if (token !== undefined) assert.equal(textOf(answer.text, 'ContinuationToken'), token);
        seen.push(...page);
        token = textOf(answer.text, 'NextContinuationToken');
        assert.equal(textOf(answer.text, 'IsTruncated'), String(token !== undefined));
      } while (token !== undefined);
      assert.deepEqual(seen, expected, `${size} ${query}`);
    }
  }
});

test('max-keys: over 1000 is clamped, 0 allowed, negative or text InvalidArgument', async () => {
  assert.equal(textOf((await list('max-keys=5000')).text, 'MaxKeys'), '1000');
  const none = await list('max-keys=0');
  assert.equal(none.status, 200);
  assert.equal(textOf(none.text, 'KeyCount'), '0');
  assert.equal(textOf(none.text, 'IsTruncated'), 'false');
  for (const value of ['-1', 'ten', '1.5', '99999999999999999999']) {
    assertError(await list(`max-keys=${value}`), 400, 'InvalidArgument', {
      ArgumentName: /max-?keys/i,
      ArgumentValue: value,
    });
  }
});

test('a continuation token that is none is InvalidArgument', async () => {
  for (const token of ['nonsense!', 'AAAA%00']) {
    assertError(await list(`continuation-token=${token}`), 400, 'InvalidArgument');
  }
});

test('encoding-type=url writes space as %20 and plus as %2B, in keys, prefixes and echoes', async () => {
  const other = await s3.makeBucket();
  const odd = ['a b', 'a+b', 'a%b', 'dir +/x', 'u\u0001', 'é'];
  for (const key of odd) await s3.put(other, key, 'x');
  const answer = await s3.send({
    path: `/${other}?list-type=2&encoding-type=url&delimiter=%2F&start-after=%20%2B`,
  });
  assert.equal(textOf(answer.text, 'EncodingType'), 'url');
  const raw = [...textsOf(answer.text, 'Key'), ...prefixesOf(answer.text)];
  for (const each of raw) assert.match(each, /^[\w%./*-]+$/, each);
  assert.deepEqual(
    raw.map(decodeURIComponent).sort(),
    ['a b', 'a+b', 'a%b', 'dir +/', 'u\u0001', 'é'].sort(),
  );
  assert.ok(raw.includes('a%20b') && raw.includes('a%2Bb'));
  assert.equal(decodeURIComponent(textOf(answer.text, 'StartAfter') ?? ''), ' +');
  assertError(
    await s3.send({ path: `/${other}?list-type=2&encoding-type=rot13` }),
    400,
    'InvalidArgument',
  );
});

test('without encoding-type, CR and controls are written as references', async () => {
  const other = await s3.makeBucket();
  await s3.put(other, 'c\rr', 'x');
  await s3.put(other, 'u\u0001', 'x');
  const answer = await s3.send({ path: `/${other}?list-type=2` });
  assert.match(answer.text, /<Key>c&#(13|x[dD]);r<\/Key>/);
  assert.match(answer.text, /<Key>u&#(x?1);<\/Key>/);
});

test('the SDK’s paginator', async () => {
  const seen: (string | undefined)[] = [];
  const pages = paginateListObjectsV2({ client: s3.client, pageSize: 3 }, { Bucket: bucket });
  for await (const page of pages) seen.push(...(page.Contents ?? []).map(({ Key }) => Key));
  assert.deepEqual(seen, keys);
});

test('a listing shows a write and a delete as soon as they are acknowledged', async () => {
  for (let round = 0; round < 20; round += 1) {
    await s3.put(bucket, `fresh/${round}`, 'x');
    assert.match((await list('prefix=fresh%2F')).text, new RegExp(`<Key>fresh/${round}</Key>`));
    await s3.delete(bucket, `fresh/${round}`);
    assert.equal(textOf((await list('prefix=fresh%2F')).text, 'KeyCount'), '0');
  }
});

test('of an empty and of an absent bucket', async () => {
  const empty = await s3.makeBucket();
  const answer = await s3.client.send(new ListObjectsV2Command({ Bucket: empty }));
  assert.equal(answer.KeyCount, 0);
  assertError(await s3.send({ path: `/${s3.newBucketName()}?list-type=2` }), 404, 'NoSuchBucket');
});
