import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { XmlNode } from '../s3/xml-parse.ts';
import { child, childText, documentIn, s3Error, TestGateway, texts } from './testing/gateway.ts';

let gateway: TestGateway;
let bucket: string;
const keys = ['a', 'a/b', 'a/c', 'asdf', 'b/x', 'b/y/z', 'c d', 'c+d', 'ü', '🦭'];

before(async () => {
  gateway = await TestGateway.open();
  bucket = await gateway.bucket();
  for (const key of keys) await gateway.put(bucket, key, key);
});
after(() => gateway.close());

type Version = 1 | 2;

async function list(version: Version, query: Record<string, string> = {}, of = bucket) {
  const answer =
    version === 1
      ? await gateway.call('ListObjects', { bucket: of, query })
      : await gateway.call('ListObjectsV2', { bucket: of, query: { 'list-type': '2', ...query } });
  assert.equal(answer.headers['content-type'], 'application/xml');
  return documentIn(answer, 'ListBucketResult');
}

const keysOf = (root: XmlNode) => texts(root, 'Contents', 'Key');
const prefixesOf = (root: XmlNode) => texts(root, 'CommonPrefixes', 'Prefix');

for (const version of [1, 2] as const) {
  test(`V${version}: all keys in the order of their UTF-8 bytes`, async () => {
    const root = await list(version);
    assert.deepEqual(keysOf(root), keys);
    assert.equal(childText(root, 'Name'), bucket);
    assert.equal(childText(root, 'Prefix'), '');
    assert.equal(childText(root, 'MaxKeys'), '1000');
    assert.equal(childText(root, 'IsTruncated'), 'false');
    assert.equal(child(root, 'Delimiter'), undefined);
    const [entry] = root.children.filter(({ name }) => name === 'Contents');
    assert.ok(entry !== undefined);
    assert.equal(childText(entry, 'ETag'), '"0cc175b9c0f1b6a831c399e269772661"');
    assert.equal(childText(entry, 'Size'), '1');
    assert.equal(childText(entry, 'StorageClass'), 'STANDARD');
    assert.match(childText(entry, 'LastModified') ?? '', /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/);
  });

  test(`V${version}: prefix and delimiter`, async () => {
    const root = await list(version, { delimiter: '/' });
    assert.deepEqual(keysOf(root), ['a', 'asdf', 'c d', 'c+d', 'ü', '🦭']);
    assert.deepEqual(prefixesOf(root), ['a/', 'b/']);
    assert.equal(childText(root, 'Delimiter'), '/');
    const within = await list(version, { delimiter: '/', prefix: 'b/' });
    assert.deepEqual(keysOf(within), ['b/x']);
    assert.deepEqual(prefixesOf(within), ['b/y/']);
    assert.deepEqual(keysOf(await list(version, { prefix: 'as' })), ['asdf']);
    const empty = await list(version, { delimiter: '' });
    assert.equal(child(empty, 'Delimiter'), undefined);
    assert.deepEqual(keysOf(empty), keys);
  });

  test(`V${version}: max-keys`, async () => {
    const zero = await list(version, { 'max-keys': '0' });
    assert.equal(childText(zero, 'IsTruncated'), 'false');
    assert.equal(childText(zero, 'MaxKeys'), '0');
    assert.deepEqual(keysOf(zero), []);
    assert.equal(childText(await list(version, { 'max-keys': '5000' }), 'MaxKeys'), '1000');
    for (const bad of ['-1', 'blah', '1.5', '99999999999']) {
      await assert.rejects(
        list(version, { 'max-keys': bad }),
        s3Error('InvalidArgument', { ArgumentName: 'max-keys', ArgumentValue: bad }),
      );
    }
  });

  test(`V${version}: encoding-type=url never writes a bare plus`, async () => {
    const root = await list(version, { 'encoding-type': 'url', prefix: 'c', delimiter: '+' });
    assert.deepEqual(keysOf(root), ['c%20d']);
    assert.deepEqual(prefixesOf(root), ['c%2B']);
    assert.equal(childText(root, 'Delimiter'), '%2B');
    assert.equal(childText(root, 'EncodingType'), 'url');
    assert.equal(keysOf(await list(version, { 'encoding-type': 'url' })).at(-1), '%F0%9F%A6%AD');
    await assert.rejects(list(version, { 'encoding-type': 'x' }), s3Error('InvalidArgument'));
  });
}

test('V1 goes on from a marker; NextMarker only with a delimiter', async () => {
  const first = await list(1, { 'max-keys': '2' });
  assert.equal(childText(first, 'IsTruncated'), 'true');
  assert.equal(child(first, 'NextMarker'), undefined);
  const second = await list(1, { marker: 'a/b', 'max-keys': '2' });
  assert.deepEqual(keysOf(second), ['a/c', 'asdf']);
  assert.equal(childText(second, 'Marker'), 'a/b');
  const rolled = await list(1, { delimiter: '/', 'max-keys': '2' });
  assert.equal(childText(rolled, 'NextMarker'), 'a/');
  const next = await list(1, { delimiter: '/', marker: 'a/', 'max-keys': '2' });
  assert.deepEqual([...keysOf(next), ...prefixesOf(next)], ['asdf', 'b/']);
});

test('V1 shows owners, V2 when asked', async () => {
  assert.equal(texts(await list(1), 'Contents', 'Owner', 'DisplayName')[0], 'Alice');
  assert.deepEqual(texts(await list(2), 'Contents', 'Owner', 'ID'), []);
  const asked = await list(2, { 'fetch-owner': 'true' });
  assert.equal(texts(asked, 'Contents', 'Owner', 'ID').length, keys.length);
});

test('V2 pages by opaque tokens, and KeyCount counts prefixes', async () => {
  for (const maxKeys of ['1', '3', '4']) {
    const seen: string[] = [];
    let query: Record<string, string> = { delimiter: '/', 'max-keys': maxKeys };
    for (;;) {
      const page = await list(2, query);
      const found = [...keysOf(page), ...prefixesOf(page)];
      assert.equal(childText(page, 'KeyCount'), String(found.length));
      assert.equal(childText(page, 'ContinuationToken'), query['continuation-token']);
      seen.push(...found);
      if (childText(page, 'IsTruncated') === 'false') {
        assert.equal(child(page, 'NextContinuationToken'), undefined);
        break;
      }
      const token = childText(page, 'NextContinuationToken') ?? '';
      assert.match(token, /^[A-Za-z0-9_-]+$/);
      query = { delimiter: '/', 'max-keys': maxKeys, 'continuation-token': token };
    }
    assert.deepEqual(seen.sort(), ['a', 'a/', 'asdf', 'b/', 'c d', 'c+d', 'ü', '🦭'].sort());
  }
});

test('V2 start-after, and its echo beside a token', async () => {
  const root = await list(2, { 'start-after': 'b/x' });
  assert.deepEqual(keysOf(root), keys.slice(5));
  assert.equal(childText(root, 'StartAfter'), 'b/x');
  const first = await list(2, { 'start-after': 'a', 'max-keys': '1' });
  const token = childText(first, 'NextContinuationToken') ?? '';
  const second = await list(2, { 'start-after': 'ignored', 'continuation-token': token });
  assert.deepEqual(keysOf(second), keys.slice(2));
  assert.equal(childText(second, 'StartAfter'), 'ignored');
  assert.deepEqual(keysOf(await list(2, { 'continuation-token': '' })), keys);
  for (const bad of ['no token!', '_w']) {
    await assert.rejects(list(2, { 'continuation-token': bad }), s3Error('InvalidArgument'));
  }
  await assert.rejects(list(2, { 'list-type': '3' }), s3Error('InvalidArgument'));
});

test('keys that XML cannot hold survive as references', async () => {
  const odd = await gateway.bucket();
  const names = [' a ', '&<>"', '\u0001', '\r', '\n', '__proto__', 'constructor'];
  for (const name of names) await gateway.put(odd, name, '');
  assert.deepEqual(new Set(keysOf(await list(2, {}, odd))), new Set(names));
});

test('a deleted key is not listed', async () => {
  const versioned = await gateway.bucket('Enabled');
  await gateway.put(versioned, 'k', 'x');
  await gateway.call('DeleteObject', { bucket: versioned, key: 'k' });
  assert.deepEqual(keysOf(await list(2, {}, versioned)), []);
});

test('a listing that is being sent is not written over, even by one whose client left', async () => {
  const many = await gateway.bucket();
  const names = Array.from({ length: 200 }, (_, number) => `${number}-`.padEnd(200, 'x'));
  for (const name of names) await gateway.put(many, name, '');
  const begin = async (prefix: string) => {
    const query = { 'list-type': '2', prefix };
    const { body } = await gateway.start('ListObjectsV2', { bucket: many, query });
    assert.ok(body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body));
    const pieces = body[Symbol.asyncIterator]();
    const piece = (await pieces.next()).value as Buffer;
    return { pieces, piece, before: piece.toString() };
  };
  const [left, slow] = [await begin(''), await begin('1')];
  await left.pieces.return?.();
  const later = await begin('');
  for (const { piece, before } of [left, slow, later]) assert.equal(piece.toString(), before);
  assert.equal((await slow.pieces.next()).done, true);
  const last = await begin('1');
  assert.equal(last.piece.buffer, slow.piece.buffer, 'memory that is free is used again');
  assert.equal(last.before, slow.before);
});
