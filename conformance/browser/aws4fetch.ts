/** aws4fetch, the small signer of pages that want no SDK. https://github.com/mhart/aws4fetch */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectPath } from '../harness/http.ts';
import { textOf, textsOf } from '../harness/xml.ts';
import { type Browsing, shown } from './browsing.ts';

export function aws4fetchCases(browsing: Browsing): void {
  const { s3, connection } = browsing;

  test('aws4fetch: put, get, list and delete, signed by header', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const send = (path: string, method = 'GET', body?: string) =>
      call('aws4fetch', {
        connection,
        request: {
          url: `${s3.endpoint}${path}`,
          method,
          ...(body === undefined ? {} : { body, headers: { 'x-amz-meta-by': 'aws4fetch' } }),
        },
      });
    const keys = ['a b', 'plus+ü', "quote'(1)*", 'x/y/z'];
    for (const key of keys) {
      const put = await send(objectPath(bucket, key), 'PUT', `body of ${key}`);
      assert.equal(put.status, 200, put.text);
      const outside = await s3.get(bucket, key);
      assert.equal(outside.text, `body of ${key}`);
      assert.equal(outside.headers.etag, put.headers.etag);
      assert.equal(outside.headers['x-amz-meta-by'], 'aws4fetch');
      assert.equal((await send(objectPath(bucket, key))).text, `body of ${key}`);
    }
    const listed = await send(`/${bucket}?list-type=2&prefix=${encodeURIComponent('plus+')}`);
    assert.deepEqual(textsOf(listed.text, 'Key'), ['plus+ü']);
    const all = await send(`/${bucket}?list-type=2`);
    assert.deepEqual(textsOf(all.text, 'Key'), keys);

    assert.equal((await send(objectPath(bucket, 'a b'), 'DELETE')).status, 204);
    const gone = await send(objectPath(bucket, 'a b'));
    assert.equal(`${gone.status} ${textOf(gone.text, 'Code')}`, '404 NoSuchKey');
  });

  test('aws4fetch: a presigned PUT and GET', async (t) => {
    const { call } = await browsing.open(t);
    const bucket = await browsing.makeOpenBucket();
    const url = `${s3.endpoint}${objectPath(bucket, 'k ü')}`;
    const putUrl = await call('aws4fetchPresign', { connection, request: { url, method: 'PUT' } });
    const put = shown(await call('fetch', { url: putUrl, method: 'PUT', body: 'presigned' }));
    assert.equal(put.status, 200, put.text);
    assert.equal((await s3.get(bucket, 'k ü')).text, 'presigned');
    const getUrl = await call('aws4fetchPresign', { connection, request: { url } });
    assert.equal(shown(await call('fetch', { url: getUrl })).text, 'presigned');
  });
}
