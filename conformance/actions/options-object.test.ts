/** The preflight of a browser: https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { PutBucketCorsCommand } from '@aws-sdk/client-s3';
import { assertError, presignedPath } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const page = 'https://page.example';
const host = { Host: new URL(s3.endpoint).host };
let bucket: string;

/** As a browser sends it: nothing signed. */
const preflight = (path: string, headers: Readonly<Record<string, string>>) =>
  s3.send({ method: 'OPTIONS', path, headers: { ...host, ...headers }, exactHeaders: true });
const asking = (method: string, headers?: string, origin = page) => ({
  Origin: origin,
  'Access-Control-Request-Method': method,
  ...(headers === undefined ? {} : { 'Access-Control-Request-Headers': headers }),
});

before(async () => {
  bucket = await s3.makeBucket();
  await s3.client.send(
    new PutBucketCorsCommand({
      Bucket: bucket,
      CORSConfiguration: {
        CORSRules: [
          {
            AllowedMethods: ['GET', 'PUT'],
            AllowedOrigins: [page],
            AllowedHeaders: ['Authorization', 'content-type', 'x-amz-*'],
            ExposeHeaders: ['ETag'],
            MaxAgeSeconds: 600,
          },
          { AllowedMethods: ['GET'], AllowedOrigins: ['*'] },
        ],
      },
    }),
  );
});

test('a match is 200 without a body, whether the object is there or not', async () => {
  const headers = 'authorization,content-type,x-amz-content-sha256,x-amz-date';
  for (const path of [`/${bucket}/k`, `/${bucket}/a/b%2Fc`, `/${bucket}`, `/${bucket}/`]) {
    const answer = await preflight(path, asking('PUT', headers));
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.text, '');
    assert.equal(answer.headers['content-length'], '0');
    assert.equal(answer.headers['access-control-allow-origin'], page);
    assert.equal(answer.headers['access-control-allow-methods'], 'GET, PUT');
    assert.deepEqual(
      answer.headers['access-control-allow-headers']?.toLowerCase().split(/\s*,\s*/),
      headers.split(','),
    );
    assert.equal(answer.headers['access-control-expose-headers'], 'ETag');
    assert.equal(answer.headers['access-control-max-age'], '600');
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.match(answer.headers.vary ?? '', /^Origin, Access-Control-Request-/);
    assert.ok(answer.headers['x-amz-request-id']);
  }
});

test('a rule for all origins answers with a star, and allows no credentials', async () => {
  const answer = await preflight(`/${bucket}/k`, asking('GET', undefined, 'https://other.example'));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['access-control-allow-origin'], '*');
  assert.equal(answer.headers['access-control-allow-credentials'], undefined);
});

test('with sub-resources and with the query of a presigned URL', async () => {
  const signed = presignedPath(s3, { method: 'PUT', path: `/${bucket}/k` });
  for (const path of [`/${bucket}/k?uploads`, `/${bucket}?cors`, `/${bucket}?delete`, signed]) {
    const answer = await preflight(path, asking('PUT'));
    assert.equal(answer.status, 200, `${path} ${answer.text}`);
  }
});

test('signatures are not looked at', async () => {
  const answer = await preflight(`/${bucket}/k?X-Amz-Signature=00&X-Amz-Expires=x`, asking('GET'));
  assert.equal(answer.status, 200, answer.text);
});

test('without Origin or method it is 400', async () => {
  const path = `/${bucket}/k`;
  assertError(await preflight(path, {}), 400, 'BadRequest', {
    Message: 'Insufficient information. Origin request header needed.',
  });
  const noOrigin = { 'Access-Control-Request-Method': 'GET' };
  assertError(await preflight(path, noOrigin), 400, 'BadRequest');
  assertError(await preflight(path, { Origin: page }), 400, 'BadRequest', {
    Message: /^Invalid Access-Control-Request-Method/,
  });
});

test('what no rule allows is 403 AccessForbidden', async () => {
  for (const headers of [
    asking('PUT', undefined, 'https://other.example'),
    asking('DELETE'),
    asking('PUT', 'x-amz-date,x-other'),
    asking('get'),
  ]) {
    const answer = await preflight(`/${bucket}/k`, headers);
    assertError(answer, 403, 'AccessForbidden', {
      Message: /^CORSResponse: This CORS request is not allowed\. /,
      ResourceType: 'OBJECT',
      Method: headers['Access-Control-Request-Method'],
    });
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }
});

test('so is every preflight where there are no rules', async () => {
  const bare = await s3.makeBucket();
  const notEnabled = /^CORSResponse: CORS is not enabled for this bucket\.$/;
  assertError(await preflight(`/${bare}`, asking('GET')), 403, 'AccessForbidden', {
    Message: notEnabled,
    ResourceType: 'BUCKET',
  });
  assertError(await preflight(`/${bare}/k`, { Origin: page }), 403, 'AccessForbidden', {
    Message: notEnabled,
    Method: 'OPTIONS',
    ResourceType: 'BUCKET',
  });
  const absent = await preflight(`/${s3.newBucketName()}/k`, asking('GET'));
  assertError(absent, 403, 'AccessForbidden', { Message: 'CORSResponse: Bucket not found' });
  assertError(await preflight('/', asking('GET')), 403, 'AccessForbidden');
});
