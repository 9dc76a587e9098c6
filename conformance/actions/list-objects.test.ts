/** ListObjects (version 1): https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListObjectsCommand } from '@aws-sdk/client-s3';
import { assertError, encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { elements, textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const keys = ['a', 'a/1', 'a/2', 'b/1', 'c'];
for (const key of keys) await s3.put(bucket, key, key);

const list = (query: string) => s3.send({ path: `/${bucket}?${query}` });
const prefixesOf = (xml: string) =>
  elements(xml, 'CommonPrefixes').map((each) => textOf(each, 'Prefix') ?? '');

test('lists keys with their owner, and says Marker', async () => {
  const answer = await list('');
  assert.deepEqual(textsOf(answer.text, 'Key'), keys);
  assert.equal(elements(answer.text, 'Owner').length, keys.length);
  assert.equal(textOf(answer.text, 'Marker'), '');
  assert.equal(textOf(answer.text, 'KeyCount'), undefined);
  assert.ok(elements(answer.text, 'DisplayName').length > 0);
});

test('NextMarker comes only with a delimiter', async () => {
  const plain = await list('max-keys=2');
  assert.equal(textOf(plain.text, 'IsTruncated'), 'true');
  assert.equal(textOf(plain.text, 'NextMarker'), undefined);
  const grouped = await list('max-keys=2&delimiter=%2F');
  assert.equal(textOf(grouped.text, 'NextMarker'), 'a/');
});

test('paging by the last key, and by NextMarker with a delimiter', async () => {
  for (let size = 1; size <= keys.length; size += 1) {
    const seen: string[] = [];
    let marker = '';
    for (;;) {
      const answer = await list(`max-keys=${size}&marker=${encodeRfc3986(marker)}`);
      const page = textsOf(answer.text, 'Key');
      seen.push(...page);
      if (textOf(answer.text, 'IsTruncated') === 'false') break;
      marker = page.at(-1) ?? '';
    }
    assert.deepEqual(seen, keys);

    const grouped: string[] = [];
    let next: string | undefined = '';
    while (next !== undefined) {
      const answer = await list(`max-keys=${size}&delimiter=%2F&marker=${encodeRfc3986(next)}`);
      grouped.push(...[...textsOf(answer.text, 'Key'), ...prefixesOf(answer.text)].sort());
      next = textOf(answer.text, 'NextMarker');
    }
    assert.deepEqual(grouped, ['a', 'a/', 'b/', 'c']);
  }
});

test('a marker that is a common prefix skips all of it', async () => {
  const answer = await list('delimiter=%2F&marker=a%2F');
  assert.deepEqual(prefixesOf(answer.text), ['b/']);
  assert.deepEqual(textsOf(answer.text, 'Key'), ['c']);
});

test('bad max-keys is InvalidArgument', async () => {
  assertError(await list('max-keys=-1'), 400, 'InvalidArgument');
  assertError(await list('max-keys=x'), 400, 'InvalidArgument');
});

test('the SDK’s call', async () => {
  const answer = await s3.client.send(
    new ListObjectsCommand({ Bucket: bucket, Delimiter: '/', EncodingType: 'url' }),
  );
  assert.deepEqual(
    answer.CommonPrefixes?.map(({ Prefix }) => Prefix),
    ['a/', 'b/'],
  );
});
