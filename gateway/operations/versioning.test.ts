import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { S3Error } from '../s3/errors.ts';
import {
  type Call,
  children,
  childText,
  documentIn,
  s3Error,
  TestGateway,
  texts,
} from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

const idOf = ({ headers }: { headers: Readonly<Record<string, string>> }) =>
  headers['x-amz-version-id'] ?? '';

async function versions(bucket: string, query: Record<string, string> = {}) {
  const answer = await gateway.call('ListObjectVersions', { bucket, query });
  return documentIn(answer, 'ListVersionsResult');
}

test('the state of a bucket', async () => {
  const bucket = await gateway.bucket();
  const state = async () => {
    const answer = await gateway.call('GetBucketVersioning', { bucket });
    return childText(documentIn(answer, 'VersioningConfiguration'), 'Status');
  };
  assert.equal(await state(), undefined);
  await gateway.setVersioning(bucket, 'Enabled');
  assert.equal(await state(), 'Enabled');
  await gateway.setVersioning(bucket, 'Suspended');
  assert.equal(await state(), 'Suspended');
  const put = (body: string) => gateway.call('PutBucketVersioning', { bucket, body });
  const configuration = (inner: string) =>
    put(`<VersioningConfiguration>${inner}</VersioningConfiguration>`);
  await assert.rejects(configuration(''), s3Error('IllegalVersioningConfigurationException'));
  await assert.rejects(configuration('<Status>On</Status>'), s3Error('MalformedXML'));
  await assert.rejects(put(''), s3Error('MissingRequestBodyError'));
  await assert.rejects(
    configuration('<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>'),
    s3Error('NotImplemented'),
  );
});

test('versions are kept, named and readable', async () => {
  const bucket = await gateway.bucket('Enabled');
  const ids: string[] = [];
  for (const text of ['one', 'two', 'three']) ids.push(idOf(await gateway.put(bucket, 'k', text)));
  assert.equal(new Set(ids).size, 3);
  const [one = '', two = '', three = ''] = ids;
  assert.equal((await gateway.get(bucket, 'k')).text, 'three');
  assert.equal(idOf(await gateway.get(bucket, 'k')), three);
  assert.equal((await gateway.get(bucket, 'k', { versionId: one })).text, 'one');
  assert.equal((await gateway.get(bucket, 'k', { versionId: two })).text, 'two');
  const absent = `${one.slice(0, -2)}${one.endsWith('00') ? '10' : '00'}`;
  await assert.rejects(
    gateway.get(bucket, 'k', { versionId: absent }),
    s3Error('NoSuchVersion', { Key: 'k', VersionId: absent }),
  );
  for (const bad of ['', 'nonsense!']) {
    await assert.rejects(
      gateway.get(bucket, 'k', { versionId: bad }),
      s3Error('InvalidArgument', { ArgumentName: 'versionId', ArgumentValue: bad }),
    );
  }
});

test('delete markers', async () => {
  const bucket = await gateway.bucket('Enabled');
  const first = idOf(await gateway.put(bucket, 'k', 'x'));
  const deleted = await gateway.call('DeleteObject', { bucket, key: 'k' });
  assert.equal(deleted.status, 204);
  assert.equal(deleted.headers['x-amz-delete-marker'], 'true');
  const marker = idOf(deleted);
  for (const action of ['GetObject', 'HeadObject'] as const) {
    const call = (query: Call['query']) =>
      gateway.call(action, { bucket, key: 'k', query: query ?? {} });
    await assert.rejects(call({}), (error: unknown) => {
      s3Error('NoSuchKey')(error);
      const { headers } = error as S3Error;
      assert.equal(headers['x-amz-delete-marker'], 'true');
      assert.equal(headers['x-amz-version-id'], marker);
      return true;
    });
    await assert.rejects(call({ versionId: marker }), (error: unknown) => {
      s3Error('MethodNotAllowed')(error);
      const { headers } = error as S3Error;
      assert.equal(headers.Allow, 'DELETE');
      assert.equal(headers['x-amz-delete-marker'], 'true');
      return true;
    });
  }
  assert.equal((await gateway.get(bucket, 'k', { versionId: first })).text, 'x');
  const undone = await gateway.call('DeleteObject', {
    bucket,
    key: 'k',
    query: { versionId: marker },
  });
  assert.equal(undone.headers['x-amz-delete-marker'], 'true');
  assert.equal(idOf(undone), marker);
  assert.equal((await gateway.get(bucket, 'k')).text, 'x');
  const gone = await gateway.call('DeleteObject', {
    bucket,
    key: 'k',
    query: { versionId: first },
  });
  assert.equal(gone.headers['x-amz-delete-marker'], undefined);
  await assert.rejects(gateway.get(bucket, 'k'), s3Error('NoSuchKey'));
  // Deleting what is not there is no error, and of a key never written it leaves a marker.
  assert.equal((await gateway.call('DeleteObject', { bucket, key: 'never' })).status, 204);
  await assert.rejects(gateway.get(bucket, 'never'), s3Error('NoSuchKey'));
});

test('null versions of a suspended bucket', async () => {
  const bucket = await gateway.bucket();
  const plain = await gateway.put(bucket, 'k', 'before');
  assert.equal(plain.headers['x-amz-version-id'], undefined);
  await gateway.setVersioning(bucket, 'Enabled');
  assert.equal(idOf(await gateway.get(bucket, 'k')), 'null');
  const kept = idOf(await gateway.put(bucket, 'k', 'kept'));
  assert.equal((await gateway.get(bucket, 'k', { versionId: 'null' })).text, 'before');
  await gateway.setVersioning(bucket, 'Suspended');
  // A write to a suspended bucket names no version, a read does.
  assert.equal(idOf(await gateway.put(bucket, 'k', 'null again')), '');
  assert.equal(idOf(await gateway.get(bucket, 'k')), 'null');
  assert.equal((await gateway.get(bucket, 'k', { versionId: 'null' })).text, 'null again');
  assert.equal((await gateway.get(bucket, 'k', { versionId: kept })).text, 'kept');
  const deleted = await gateway.call('DeleteObject', { bucket, key: 'k' });
  assert.equal(deleted.headers['x-amz-delete-marker'], 'true');
  assert.equal(idOf(deleted), 'null');
  const root = await versions(bucket);
  assert.deepEqual(texts(root, 'Version', 'VersionId'), [kept]);
  assert.deepEqual(texts(root, 'DeleteMarker', 'VersionId'), ['null']);
});

test('ListObjectVersions: entries, order and paging', async () => {
  const bucket = await gateway.bucket('Enabled');
  const expected: string[] = [];
  for (const key of ['a', 'b/1', 'b/2', 'c']) {
    const ids = [];
    for (const text of ['1', '2']) ids.unshift(idOf(await gateway.put(bucket, key, text)));
    expected.push(...ids.map((id) => `${key} ${id}`));
  }
  const marker = idOf(await gateway.call('DeleteObject', { bucket, key: 'a' }));
  expected.unshift(`a ${marker}`);
  const root = await versions(bucket);
  const entries = root.children.filter(({ name }) => ['Version', 'DeleteMarker'].includes(name));
  const label = (node: (typeof entries)[number]) =>
    `${childText(node, 'Key')} ${childText(node, 'VersionId')}`;
  assert.deepEqual(entries.map(label), expected);
  assert.deepEqual(
    entries.map((node) => childText(node, 'IsLatest')),
    ['true', 'false', 'false', 'true', 'false', 'true', 'false', 'true', 'false'],
  );
  assert.equal(children(root, 'DeleteMarker').length, 1);
  assert.deepEqual(texts(root, 'DeleteMarker', 'ETag'), []);
  assert.equal(childText(root, 'IsTruncated'), 'false');

  for (const maxKeys of ['1', '2', '3', '4']) {
    const seen: string[] = [];
    let query: Record<string, string> = { 'max-keys': maxKeys };
    for (;;) {
      const page = await versions(bucket, query);
      for (const node of page.children) {
        if (['Version', 'DeleteMarker'].includes(node.name)) seen.push(label(node));
      }
      if (childText(page, 'IsTruncated') !== 'true') break;
      query = {
        'max-keys': maxKeys,
        'key-marker': childText(page, 'NextKeyMarker') ?? '?',
        'version-id-marker': childText(page, 'NextVersionIdMarker') ?? '?',
      };
    }
    assert.deepEqual(seen, expected, `max-keys ${maxKeys}`);
  }

  const rolled = await versions(bucket, { delimiter: '/', 'max-keys': '4' });
  assert.deepEqual(texts(rolled, 'CommonPrefixes', 'Prefix'), ['b/']);
  assert.equal(childText(rolled, 'NextKeyMarker'), 'b/');
  assert.equal(childText(rolled, 'NextVersionIdMarker'), '');
  const rest = await versions(bucket, { delimiter: '/', 'key-marker': 'b/' });
  assert.deepEqual(texts(rest, 'Version', 'Key'), ['c', 'c']);
  await assert.rejects(
    versions(bucket, { 'version-id-marker': 'null' }),
    s3Error('InvalidArgument'),
  );
  await assert.rejects(
    versions(bucket, { 'key-marker': 'a', 'version-id-marker': '!' }),
    s3Error('InvalidArgument'),
  );
});
