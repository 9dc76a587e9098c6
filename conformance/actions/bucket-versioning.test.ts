/**
 * Put/GetBucketVersioning and what it makes of objects:
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/versioning-workflows.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BucketVersioningStatus,
  GetBucketVersioningCommand,
  PutBucketVersioningCommand,
} from '@aws-sdk/client-s3';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textsOf } from '../harness/xml.ts';

const s3 = await openTarget();

const setVersioning = (Bucket: string, Status: BucketVersioningStatus) =>
  s3.client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));

async function versionedBucket(): Promise<string> {
  const bucket = await s3.makeBucket();
  await setVersioning(bucket, 'Enabled');
  return bucket;
}

async function putVersion(bucket: string, key: string, body: string): Promise<string> {
  const answer = await s3.put(bucket, key, body);
  assert.equal(answer.status, 200, answer.text);
  return String(answer.headers['x-amz-version-id']);
}

test('never set, enabled, suspended', async () => {
  const Bucket = await s3.makeBucket();
  const status = async () =>
    (await s3.client.send(new GetBucketVersioningCommand({ Bucket }))).Status;
  assert.equal(await status(), undefined);
  await setVersioning(Bucket, 'Enabled');
  assert.equal(await status(), 'Enabled');
  await setVersioning(Bucket, 'Suspended');
  assert.equal(await status(), 'Suspended');
});

test('a bad configuration is refused: IllegalVersioningConfigurationException or MalformedXML', async () => {
  const bucket = await s3.makeBucket();
  for (const body of [
    '<VersioningConfiguration><Status>On</Status></VersioningConfiguration>',
    '<VersioningConfiguration><Status>enabled</Status></VersioningConfiguration>',
    '<VersioningConfiguration',
    '',
  ]) {
    const answer = await s3.send({ method: 'PUT', path: `/${bucket}?versioning`, body });
    assert.equal(answer.status, 400, body);
    assert.match(
      answer.text,
      /<Code>(MalformedXML|IllegalVersioningConfigurationException|MissingRequestBodyError)</,
    );
  }
  const mfa = await s3.send({
    method: 'PUT',
    path: `/${bucket}?versioning`,
    body: '<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>',
  });
  assert.ok(mfa.status >= 400, 'MFA delete is not built and must not be ignored');
});

test('each overwrite is a version of its own, readable by id for ever', async () => {
  const bucket = await versionedBucket();
  const ids: string[] = [];
  for (const body of ['one', 'two', 'three']) ids.push(await putVersion(bucket, 'k', body));
  assert.equal(new Set(ids).size, 3);
  for (const id of ids) assert.match(id, /^[\w.~-]+$/);
  assert.equal((await s3.get(bucket, 'k')).text, 'three');
  assert.equal((await s3.get(bucket, 'k')).headers['x-amz-version-id'], ids[2]);
  for (const [index, body] of ['one', 'two', 'three'].entries()) {
    const answer = await s3.get(bucket, 'k', `versionId=${ids[index]}`);
    assert.equal(answer.text, body);
    assert.equal(answer.headers['x-amz-version-id'], ids[index]);
    const head = await s3.head(bucket, 'k', `versionId=${ids[index]}`);
    assert.equal(head.headers['content-length'], String(body.length));
  }
});

test('a conditional 304 carries the version id', async () => {
  const bucket = await versionedBucket();
  const put = await s3.put(bucket, 'k', 'x');
  const answer = await s3.get(bucket, 'k', '', { 'If-None-Match': put.headers.etag ?? '' });
  assert.equal(answer.status, 304);
  assert.equal(answer.headers['x-amz-version-id'], put.headers['x-amz-version-id']);
});

test('a delete writes a marker: GET 404 with x-amz-delete-marker and its version id', async () => {
  const bucket = await versionedBucket();
  const id = await putVersion(bucket, 'k', 'x');
  const deleted = await s3.delete(bucket, 'k');
  assert.equal(deleted.status, 204);
  assert.equal(deleted.headers['x-amz-delete-marker'], 'true');
  const marker = String(deleted.headers['x-amz-version-id']);
  for (const answer of [await s3.get(bucket, 'k'), await s3.head(bucket, 'k')]) {
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['x-amz-delete-marker'], 'true');
    assert.equal(answer.headers['x-amz-version-id'], marker);
  }
  assertError(await s3.get(bucket, 'k'), 404, 'NoSuchKey');
  assert.equal((await s3.get(bucket, 'k', `versionId=${id}`)).text, 'x');
  assert.doesNotMatch((await s3.send({ path: `/${bucket}?list-type=2` })).text, /<Key>/);
});

test('the marker itself by id is 405 MethodNotAllowed with Allow: DELETE', async () => {
  const bucket = await versionedBucket();
  await putVersion(bucket, 'k', 'x');
  const marker = (await s3.delete(bucket, 'k')).headers['x-amz-version-id'];
  const get = await s3.get(bucket, 'k', `versionId=${marker}`);
  assertError(get, 405, 'MethodNotAllowed', { ResourceType: 'DeleteMarker' });
  assert.equal(get.headers.allow, 'DELETE');
  assert.equal(get.headers['x-amz-delete-marker'], 'true');
  const head = await s3.head(bucket, 'k', `versionId=${marker}`);
  assert.equal(head.status, 405);
  assert.equal(head.headers.allow, 'DELETE');
});

test('removing the marker brings the object back; removing versions steps back', async () => {
  const bucket = await versionedBucket();
  const one = await putVersion(bucket, 'k', 'one');
  const two = await putVersion(bucket, 'k', 'two');
  const marker = String((await s3.delete(bucket, 'k')).headers['x-amz-version-id']);
  const undeleted = await s3.delete(bucket, 'k', `versionId=${marker}`);
  assert.equal(undeleted.status, 204);
  assert.equal(undeleted.headers['x-amz-delete-marker'], 'true');
  assert.equal(undeleted.headers['x-amz-version-id'], marker);
  assert.equal((await s3.get(bucket, 'k')).text, 'two');
  const removed = await s3.delete(bucket, 'k', `versionId=${two}`);
  assert.equal(removed.headers['x-amz-version-id'], two);
  assert.equal(removed.headers['x-amz-delete-marker'], undefined);
  assert.equal((await s3.get(bucket, 'k')).text, 'one');
  await s3.delete(bucket, 'k', `versionId=${one}`);
  assertError(await s3.get(bucket, 'k'), 404, 'NoSuchKey');
});

test('a delete of an absent key writes a marker all the same', async () => {
  const bucket = await versionedBucket();
  const answer = await s3.delete(bucket, 'never');
  assert.equal(answer.headers['x-amz-delete-marker'], 'true');
  const list = await s3.send({ path: `/${bucket}?versions` });
  assert.equal((list.text.match(/<DeleteMarker>/g) ?? []).length, 1);
});

test('ids: unparsable is InvalidArgument, absent NoSuchVersion with its id', async () => {
  const bucket = await versionedBucket();
  const id = await putVersion(bucket, 'k', 'x');
  await s3.delete(bucket, 'k', `versionId=${id}`);
  assertError(await s3.get(bucket, 'k', `versionId=${id}`), 404, 'NoSuchVersion', {
    VersionId: id,
    Key: 'k',
  });
  for (const bad of ['no%20id', '', '%C3%A9']) {
    assertError(await s3.get(bucket, 'k', `versionId=${bad}`), 400, 'InvalidArgument');
  }
  assert.equal((await s3.delete(bucket, 'k', `versionId=${id}`)).status, 204);
});

test('what was there before versioning is the null version', async () => {
  const bucket = await s3.makeBucket();
  await s3.put(bucket, 'k', 'before');
  assert.equal((await s3.get(bucket, 'k', 'versionId=null')).text, 'before');
  await setVersioning(bucket, 'Enabled');
  const id = await putVersion(bucket, 'k', 'after');
  assert.notEqual(id, 'null');
  assert.equal((await s3.get(bucket, 'k', 'versionId=null')).text, 'before');
  const list = await s3.send({ path: `/${bucket}?versions` });
  assert.deepEqual(textsOf(list.text, 'VersionId'), [id, 'null']);
  assert.deepEqual(textsOf(list.text, 'IsLatest'), ['true', 'false']);
});

test('suspended: a write replaces the null version only, a delete makes a null marker', async () => {
  const bucket = await versionedBucket();
  const kept = await putVersion(bucket, 'k', 'kept');
  await setVersioning(bucket, 'Suspended');
  for (const body of ['null one', 'null two']) {
    const put = await s3.put(bucket, 'k', body);
    assert.ok([undefined, 'null'].includes(put.headers['x-amz-version-id'] as string | undefined));
  }
  let list = await s3.send({ path: `/${bucket}?versions` });
  assert.deepEqual(textsOf(list.text, 'VersionId'), ['null', kept]);
  assert.equal((await s3.get(bucket, 'k')).text, 'null two');

  const deleted = await s3.delete(bucket, 'k');
  assert.equal(deleted.headers['x-amz-delete-marker'], 'true');
  assert.equal(deleted.headers['x-amz-version-id'], 'null');
  list = await s3.send({ path: `/${bucket}?versions` });
  assert.deepEqual(textsOf(list.text, 'VersionId').sort(), [kept, 'null'].sort());
  assert.equal((list.text.match(/<DeleteMarker>/g) ?? []).length, 1);
  assert.equal((await s3.get(bucket, 'k', `versionId=${kept}`)).text, 'kept');

  await s3.delete(bucket, 'k', 'versionId=null');
  assert.equal((await s3.get(bucket, 'k')).text, 'kept');
});

test('two hundred overwrites: the newest is current, every one can be read', async () => {
  const bucket = await versionedBucket();
  const ids: string[] = [];
  for (let round = 0; round < 200; round += 1) ids.push(await putVersion(bucket, 'k', `${round}`));
  assert.equal((await s3.get(bucket, 'k')).text, '199');
  for (const round of [0, 1, 99, 198]) {
    assert.equal((await s3.get(bucket, 'k', `versionId=${ids[round]}`)).text, `${round}`);
  }
  const list = await s3.send({ path: `/${bucket}?versions` });
  assert.deepEqual(textsOf(list.text, 'VersionId'), ids.reverse());
});
