/** Virtual-host addressing: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formBody, formBoundary, partsOf, signedPolicy } from '../harness/forms.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const domain = process.env.S3_DOMAIN ?? 's3.conformance.test';
const s3 = await openTarget({ args: ['--domain', domain] });
const bucket = await s3.makeBucket();
const { port } = new URL(s3.endpoint);

const send = (host: string, path: string, method = 'GET', body = '') =>
  s3.send({ method, path, body, headers: { Host: host } });

test('the bucket in the host, the key in the path, with and without a port', async () => {
  for (const host of [`${bucket}.${domain}`, `${bucket}.${domain}:${port}`]) {
    assert.equal((await send(host, '/a/b%20c', 'PUT', 'virtual')).status, 200);
    assert.equal((await send(host, '/a/b%20c')).text, 'virtual');
    assert.equal((await s3.get(bucket, 'a/b c')).text, 'virtual');
    assert.match((await send(host, '/?list-type=2')).text, /<Key>a\/b c<\/Key>/);
  }
});

test('hosts are compared without case', async () => {
  const answer = await send(`${bucket}.${domain.toUpperCase()}`, '/?list-type=2');
  assert.equal(answer.status, 200, answer.text);
});

test('the bare domain, another host and an IP address are path style', async () => {
  for (const host of [domain, `127.0.0.1:${port}`, 'elsewhere.test', 'localhost']) {
    assert.equal((await send(host, `/${bucket}?list-type=2`)).status, 200, host);
    assert.match((await send(host, '/')).text, /<ListAllMyBucketsResult/, host);
  }
});

test('own paths are served only where the Host names no bucket', async () => {
  const host = `${bucket}.${domain}`;
  assertError(await send(host, '/_/health/live'), 404, 'NoSuchKey');
  assert.equal((await send(host, '/_/health/live', 'PUT', 'a key like any other')).status, 200);
  assert.equal((await send(host, '/_/health/live')).text, 'a key like any other');
  const health = await s3.send({ path: '/_/health/live', anonymous: true });
  assert.notEqual(health.text, 'a key like any other');
});

test('a bucket is made and deleted by host too', async () => {
  const name = s3.newBucketName();
  assert.equal((await send(`${name}.${domain}`, '/', 'PUT')).status, 200);
  assert.equal((await s3.send({ method: 'HEAD', path: `/${name}` })).status, 200);
  assert.equal((await send(`${name}.${domain}`, '/', 'DELETE')).status, 204);
});

test('a form is posted to the bucket in the host', async () => {
  const fields = { key: 'a/b', ...signedPolicy(s3, [{ bucket }, { key: 'a/b' }]) };
  const body = formBody([...partsOf(fields), { name: 'file', value: 'form' }]);
  const host = `${bucket}.${domain}`;
  const headers = {
    Host: host,
    'Content-Type': `multipart/form-data; boundary=${formBoundary}`,
    'Content-Length': String(body.length),
  };
  const answer = await s3.send({ method: 'POST', path: '/', body, headers, exactHeaders: true });
  assert.equal(answer.status, 204, answer.text);
  assert.equal(answer.headers.location, `${new URL(s3.endpoint).protocol}//${host}/a%2Fb`);
  assert.equal((await s3.get(bucket, 'a/b')).text, 'form');
});
