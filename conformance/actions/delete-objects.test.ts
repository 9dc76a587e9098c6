/** DeleteObjects: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeleteObjectsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { checksum, md5Base64 } from '../harness/checksums.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { elements, encodeXml, textOf, textsOf } from '../harness/xml.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

const document = (keys: readonly string[], quiet = false) =>
  `<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${
    quiet ? '<Quiet>true</Quiet>' : ''
  }${keys.map((key) => `<Object><Key>${encodeXml(key)}</Key></Object>`).join('')}</Delete>`;

const post = (body: string, headers: Record<string, string> = {}) =>
  s3.send({
    method: 'POST',
    path: `/${bucket}?delete`,
    body,
    headers: { 'Content-MD5': md5Base64(body), ...headers },
  });

const exists = async (key: string) => (await s3.head(bucket, key)).status === 200;

test('deletes what is named and answers each key, absent ones as deleted', async () => {
  for (const key of ['a', 'b', 'kept']) await s3.put(bucket, key, 'x');
  const answer = await post(document(['a', 'b', 'never-was']));
  assert.equal(answer.status, 200);
  assert.deepEqual(textsOf(answer.text, 'Key'), ['a', 'b', 'never-was']);
  assert.equal(elements(answer.text, 'Deleted').length, 3);
  assert.equal(await exists('a'), false);
  assert.equal(await exists('kept'), true);
});

test('a document that neither Content-MD5 nor a checksum covers is refused, and deletes nothing', async () => {
  await s3.put(bucket, 'covered', 'x');
  const body = document(['covered']);
  const request = { method: 'POST', path: `/${bucket}?delete`, body };
  assertError(await s3.send(request), 400, 'InvalidRequest');
  assert.equal(await exists('covered'), true);
  const headers = { 'x-amz-checksum-crc32': checksum('crc32', Buffer.from(body)) };
  assert.equal((await s3.send({ ...request, headers })).status, 200);
  assert.equal(await exists('covered'), false);
});

test('quiet answers errors only', async () => {
  await s3.put(bucket, 'q', 'x');
  const answer = await post(document(['q'], true));
  assert.equal(answer.status, 200);
  assert.equal(elements(answer.text, 'Deleted').length, 0);
  assert.equal(await exists('q'), false);
});

test('the SDK’s form, with a CRC in place of Content-MD5', async () => {
  await s3.put(bucket, 'sdk', 'x');
  const answer = await s3.client.send(
    new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: [{ Key: 'sdk' }] } }),
  );
  assert.deepEqual(
    answer.Deleted?.map(({ Key }) => Key),
    ['sdk'],
  );
  assert.equal(await exists('sdk'), false);
});

test('keys that XML or JavaScript could bend are deleted as themselves, and nothing else', async () => {
  const keys = ['0123', '1e3', 'true', ' a ', 'c\rr', 'l\nf', '__proto__', 'constructor', '&amp;'];
  const decoys = ['123', '1000', 'a', 'cr', 'c\nr', 'lf', 'l f', '&', 'toString'];
  for (const key of [...keys, ...decoys]) {
    assert.equal((await s3.put(bucket, key, 'x')).status, 200, JSON.stringify(key));
  }
  const answer = await post(document(keys));
  assert.deepEqual(textsOf(answer.text, 'Key'), keys);
  for (const key of keys) assert.equal(await exists(key), false, JSON.stringify(key));
  for (const key of decoys) assert.equal(await exists(key), true, JSON.stringify(key));
});

test('carriage returns in the answer are references, which a parser would else turn to LF', async () => {
  const answer = await post(document(['a\rb']));
  assert.ok(/a&#(13|x[dD]);b/.test(answer.text), answer.text);
});

test('a control character is deleted by reference', async () => {
  await s3.put(bucket, 'u\u0001', 'x');
  const answer = await post('<Delete><Object><Key>u&#1;</Key></Object></Delete>');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(await exists('u\u0001'), false);
});

test('the five entities, decimal and hexadecimal references and CDATA are decoded', async () => {
  const key = `<&>"'é😀`;
  await s3.put(bucket, key, 'x');
  const escaped = '&lt;&amp;&gt;&quot;&apos;&#233;&#x1F600;';
  assert.equal((await post(`<Delete><Object><Key>${escaped}</Key></Object></Delete>`)).status, 200);
  assert.equal(await exists(key), false);
  await s3.put(bucket, 'a<b', 'x');
  await post('<Delete><Object><Key><![CDATA[a<b]]></Key></Object></Delete>');
  assert.equal(await exists('a<b'), false);
});

test('unknown elements are ignored and prefixes tolerated', async () => {
  await s3.put(bucket, 'pre', 'x');
  const answer = await post(
    '<s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><s3:Novel>1</s3:Novel><s3:Object><s3:Key>pre</s3:Key></s3:Object></s3:Delete>',
  );
  assert.equal(answer.status, 200, answer.text);
  assert.equal(await exists('pre'), false);
});

test('documents that are none are MalformedXML', async () => {
  const bad = [
    '',
    'text',
    '<Delete>',
    '<Delete></Remove>',
    '<Other><Object><Key>a</Key></Object></Other>',
    '<Delete/><Delete/>',
    '<!DOCTYPE Delete [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
    '<Delete><Object><Key>&undeclared;</Key></Object></Delete>',
    '<Delete><Object></Object></Delete>',
    '<Delete></Delete>',
    `${'<a>'.repeat(5000)}${'</a>'.repeat(5000)}`,
    `<Delete>${'<__proto__>'.repeat(3)}${'</__proto__>'.repeat(3)}</Delete>`,
  ];
  for (const body of bad) assertError(await post(body), 400, 'MalformedXML');
});

test('1000 keys are deleted, 1001 are MalformedXML', async () => {
  const keys = Array.from({ length: 1000 }, (_, index) => `many-${index}`);
  await s3.put(bucket, 'many-999', 'x');
  const answer = await post(document(keys));
  assert.equal(elements(answer.text, 'Deleted').length, 1000);
  assert.equal(await exists('many-999'), false);
  assertError(await post(document([...keys, 'one-more'])), 400, 'MalformedXML');
});

test('a wrong digest deletes nothing', async () => {
  await s3.put(bucket, 'safe', 'x');
  const body = document(['safe']);
  assertError(await post(body, { 'Content-MD5': md5Base64('other') }), 400, 'BadDigest');
  const wrong = await s3.send({
    method: 'POST',
    path: `/${bucket}?delete`,
    body,
    headers: { 'x-amz-checksum-crc32c': checksum('crc32c', Buffer.from('other')) },
  });
  assertError(wrong, 400, 'BadDigest');
  assert.equal(await exists('safe'), true);
});

test('versions: a marker is written without an id, removed with it', async () => {
  const Bucket = await s3.makeBucket();
  await s3.client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: 'Enabled' } }),
  );
  const VersionId = (await s3.put(Bucket, 'k', 'x')).headers['x-amz-version-id'] as string;
  const marked = await s3.client.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'k' }] } }),
  );
  const marker = marked.Deleted?.[0];
  assert.equal(marker?.DeleteMarker, true);
  assert.equal(marker?.VersionId, undefined);
  const markerId = marker?.DeleteMarkerVersionId ?? '';
  assert.ok(markerId.length > 0);
  const removed = await s3.client.send(
    new DeleteObjectsCommand({
      Bucket,
      Delete: {
        Objects: [
          { Key: 'k', VersionId: markerId },
          { Key: 'k', VersionId },
        ],
      },
    }),
  );
  const byId = new Map(removed.Deleted?.map((each) => [each.VersionId, each]));
  assert.equal(byId.get(markerId)?.DeleteMarker, true);
  assert.equal(byId.get(markerId)?.DeleteMarkerVersionId, markerId);
  assert.equal(byId.get(VersionId)?.DeleteMarker, undefined);
  const left = await s3.send({ path: `/${Bucket}?versions` });
  assert.equal(
    elements(left.text, 'Version').length + elements(left.text, 'DeleteMarker').length,
    0,
  );
});

test('a version id that cannot be one is an error of that key alone', async () => {
  await s3.put(bucket, 'fine', 'x');
  const answer = await post(
    '<Delete><Object><Key>fine</Key></Object><Object><Key>odd</Key><VersionId>not an id!</VersionId></Object></Delete>',
  );
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(elements(answer.text, 'Deleted').length, 1);
  const [error = ''] = elements(answer.text, 'Error');
  assert.equal(textOf(error, 'Key'), 'odd');
  assert.match(textOf(error, 'Code') ?? '', /^(InvalidArgument|NoSuchVersion)$/);
});

test('in an absent bucket is NoSuchBucket', async () => {
  const body = document(['a']);
  const answer = await s3.send({
    method: 'POST',
    path: `/${s3.newBucketName()}?delete`,
    body,
    headers: { 'Content-MD5': md5Base64(body) },
  });
  assertError(answer, 404, 'NoSuchBucket');
});
