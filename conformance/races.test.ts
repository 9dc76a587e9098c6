/**
 * What many clients do to one key or bucket at once, over two worker processes: every outcome is one
 * that some order of the requests explains. Nothing here waits for a time to pass.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { md5Base64, md5Hex } from './harness/checksums.ts';
import { assertError, type RawResponse } from './harness/http.ts';
import { Uploads } from './harness/multipart.ts';
import { type HeaderMap, openTarget } from './harness/target.ts';
import { elements, textOf, textsOf } from './harness/xml.ts';

const s3 = await openTarget({ workers: 2 });
const writers = 12;
const rounds = 3;

const each = <T>(count: number, act: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => act(index)));

const setVersioning = (bucket: string, status: 'Enabled' | 'Suspended') =>
  s3.send({
    method: 'PUT',
    path: `/${bucket}?versioning`,
    body: `<VersioningConfiguration><Status>${status}</Status></VersioningConfiguration>`,
  });

async function makeBucket(versioning: 'Unversioned' | 'Enabled'): Promise<string> {
  const bucket = await s3.makeBucket();
  if (versioning === 'Enabled') {
    assert.equal((await setVersioning(bucket, 'Enabled')).status, 200);
  }
  return bucket;
}

interface Version {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly isDeleteMarker: boolean;
  readonly etag: string | undefined;
}

/** In the order of the listing. */
async function versionsOf(bucket: string): Promise<Version[]> {
  const { text } = await s3.send({ path: `/${bucket}?versions` });
  return [...text.matchAll(/<(Version|DeleteMarker)>([\s\S]*?)<\/\1>/g)].map(
    ([, name, inner = '']) => ({
      key: textOf(inner, 'Key') ?? '',
      versionId: textOf(inner, 'VersionId') ?? '',
      isLatest: textOf(inner, 'IsLatest') === 'true',
      isDeleteMarker: name === 'DeleteMarker',
      etag: textOf(inner, 'ETag'),
    }),
  );
}

/** One conditional write of a kind; what it wrote is known by its text. */
type Write = (bucket: string, text: string, condition: HeaderMap) => Promise<RawResponse>;

const key = 'key';
const put: Write = (bucket, text, condition) => s3.put(bucket, key, text, condition);
/** The source is there already: the race is that of the copies. */
const copy: Write = (bucket, text, condition) =>
  s3.put(bucket, key, '', {
    'x-amz-copy-source': `/${bucket}/${encodeURIComponent(`source of ${text}`)}`,
    ...condition,
  });
const remove: Write = (bucket, _text, condition) => s3.delete(bucket, key, '', condition);
/** As a document: the condition stands in it, and so does the refusal. */
const removeTogether: Write = async (bucket, _text, condition) => {
  const body = `<Delete><Object><Key>${key}</Key><ETag>${condition['If-Match']}</ETag></Object></Delete>`;
  const headers = { 'Content-MD5': md5Base64(body) };
  return s3.send({ method: 'POST', path: `/${bucket}?delete`, body, headers });
};

const isRefusal = (answer: RawResponse) =>
  answer.status === 409 || answer.status === 412 || answer.status === 404;
const isDone = (answer: RawResponse) => answer.status < 300 && !answer.text.includes('<Error>');

/** Prepares a write of each kind, so that only the deciding requests race. */
async function prepared(bucket: string, kind: string, text: string): Promise<Write> {
  if (kind === 'copy') {
    assert.equal((await s3.put(bucket, `source of ${text}`, text)).status, 200);
    return copy;
  }
  if (kind === 'complete') {
    const uploads = new Uploads(s3, bucket);
    const uploadId = await uploads.create(key);
    const parts = [await uploads.part(key, uploadId, 1, Buffer.from(text))];
    return (_bucket, _text, condition) => uploads.complete(key, uploadId, parts, condition);
  }
  return kind === 'put' ? put : kind === 'delete' ? remove : removeTogether;
}

async function race(
  bucket: string,
  kinds: readonly string[],
  condition: HeaderMap,
): Promise<{ readonly text: string; readonly kind: string }> {
  const entrants = await each(writers, async (index) => {
    const kind = kinds[index % kinds.length] ?? '';
    const text = `${kind} ${index}`;
    return { kind, text, write: await prepared(bucket, kind, text) };
  });
  const answers = await Promise.all(
    entrants.map(async ({ write, ...entrant }) => ({
      ...entrant,
      answer: await write(bucket, entrant.text, condition),
    })),
  );
  const won = answers.filter(({ answer }) => isDone(answer));
  const told = answers.map(({ kind, answer }) => `${kind} ${answer.status}`).join();
  assert.equal(won.length, 1, told);
  for (const { answer } of answers) {
    assert.ok(isDone(answer) || isRefusal(answer) || answer.text.includes('<Error>'), answer.text);
  }
  return won[0] as { text: string; kind: string };
}

for (const versioning of ['Unversioned', 'Enabled'] as const) {
  for (const kinds of [['put'], ['copy'], ['complete'], ['put', 'copy', 'complete']]) {
    test(`${versioning}: of many ${kinds.join('/')} with If-None-Match: * one creates`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const bucket = await makeBucket(versioning);
        const winner = await race(bucket, kinds, { 'If-None-Match': '*' });
        assert.equal((await s3.get(bucket, key)).text, winner.text);
        const written = (await versionsOf(bucket)).filter((version) => version.key === key);
        assert.equal(written.length, 1, 'one version');
      }
    });
  }

  for (const kinds of [
    ['put'],
    ['copy'],
    ['complete'],
    ['delete'],
    ['delete together'],
    ['put', 'copy', 'complete', 'delete', 'delete together'],
  ]) {
    test(`${versioning}: of many ${kinds.join('/')} with If-Match one replaces`, async () => {
      for (let round = 0; round < rounds; round += 1) {
        const bucket = await makeBucket(versioning);
        const etag = (await s3.put(bucket, key, 'start')).headers.etag ?? '';
        const winner = await race(bucket, kinds, { 'If-Match': etag });
        const got = await s3.get(bucket, key);
        if (winner.kind.startsWith('delete')) assertError(got, 404, 'NoSuchKey');
        else assert.equal(got.text, winner.text);
        const left = (await versionsOf(bucket)).filter((version) => version.key === key);
        const expected = versioning === 'Enabled' ? 2 : winner.kind.startsWith('delete') ? 0 : 1;
        assert.equal(left.length, expected, JSON.stringify(left));
      }
    });
  }
}

test('puts and deletes of a versioned key: every answer names a version, the newest is served', async () => {
  const bucket = await makeBucket('Enabled');
  const puts = await each(24, (index) => s3.put(bucket, key, `body ${index}`));
  const mixed = await each(24, (index) =>
    index % 3 === 0 ? s3.delete(bucket, key) : s3.put(bucket, key, `more ${index}`),
  );
  const named = [...puts, ...mixed].map(({ headers }) => String(headers['x-amz-version-id']));
  const versions = await versionsOf(bucket);
  assert.deepEqual(versions.map(({ versionId }) => versionId).sort(), named.sort());
  assert.deepEqual(
    versions.map(({ isLatest }) => isLatest),
    versions.map((_, index) => index === 0),
  );
  const current = await s3.get(bucket, key);
  assert.equal(current.headers['x-amz-version-id'], versions[0]?.versionId);
  assert.equal(current.status, versions[0]?.isDeleteMarker ? 404 : 200);
});

test('deletes of the same versions at once: each answers, every other version stays', async () => {
  const bucket = await makeBucket('Enabled');
  const ids = (await each(8, (index) => s3.put(bucket, key, `body ${index}`))).map(({ headers }) =>
    String(headers['x-amz-version-id']),
  );
  const doomed = ids.slice(0, 5);
  const answers = await each(20, (index) =>
    s3.delete(bucket, key, `versionId=${doomed[index % doomed.length]}`),
  );
  for (const answer of answers) assert.equal(answer.status, 204, answer.text);
  const left = await versionsOf(bucket);
  assert.deepEqual(left.map(({ versionId }) => versionId).sort(), ids.slice(5).sort());
  assert.equal((await s3.get(bucket, key)).headers['x-amz-version-id'], left[0]?.versionId);
});

test('versioning suspended and enabled while puts run: each has the id it was told, one null is left', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const bucket = await makeBucket('Enabled');
    const [puts] = await Promise.all([
      each(24, (index) => s3.put(bucket, key, `body ${index}`)),
      each(6, (index) => setVersioning(bucket, index % 2 === 0 ? 'Suspended' : 'Enabled')),
    ]);
    const versions = await versionsOf(bucket);
    const told = puts.map(({ status, headers }) => {
      assert.equal(status, 200);
      return { id: String(headers['x-amz-version-id'] ?? 'null'), etag: headers.etag };
    });
    const kept = told.filter(({ id }) => id !== 'null');
    const nulls = told.filter(({ id }) => id === 'null');
    const listed = versions.map(({ versionId }) => versionId);
    assert.deepEqual(listed.filter((id) => id !== 'null').sort(), kept.map(({ id }) => id).sort());
    assert.equal(listed.filter((id) => id === 'null').length, Math.min(1, nulls.length));
    for (const { versionId, etag } of versions) {
      const candidates = told.filter(({ id }) => id === versionId).map((each) => each.etag);
      assert.ok(candidates.includes(etag), `${versionId} has ${etag}`);
      const got = await s3.get(bucket, key, `versionId=${versionId}`);
      assert.equal(`"${md5Hex(got.body)}"`, etag);
    }
  }
});

test('a bucket deleted while its first object is on the way: one of the two is refused', async () => {
  for (let round = 0; round < 12; round += 1) {
    const bucket = await s3.makeBucket();
    const [stored, ...deleted] = await Promise.all([
      s3.put(bucket, key, 'x'.repeat(round % 2 === 0 ? 10 : 200_000)),
      s3.send({ method: 'DELETE', path: `/${bucket}` }),
      s3.send({ method: 'DELETE', path: `/${bucket}` }),
    ]);
    const gone = deleted.filter(({ status }) => status === 204);
    if (stored.status === 200) {
      assert.equal(gone.length, 0, 'a bucket with an object was deleted');
      for (const answer of deleted) assertError(answer, 409, 'BucketNotEmpty');
      assert.equal((await s3.head(bucket, key)).status, 200);
    } else {
      assertError(stored, 404, 'NoSuchBucket');
      assert.equal(gone.length, 1);
      assertError(await s3.get(bucket, key), 404, 'NoSuchBucket');
    }
  }
});

test('a bucket deleted between the halves of a body is NoSuchBucket at its end', async () => {
  for (const again of [false, true]) {
    const bucket = await s3.makeBucket();
    async function* body() {
      yield Buffer.alloc(100_000, 'a');
      assert.equal((await s3.send({ method: 'DELETE', path: `/${bucket}` })).status, 204);
      // Another bucket of the same name is not the one that was written to.
      if (again) assert.equal((await s3.send({ method: 'PUT', path: `/${bucket}` })).status, 200);
      yield Buffer.alloc(100_000, 'b');
    }
    const answer = await s3.send({
      method: 'PUT',
      path: `/${bucket}/${key}`,
      headers: { 'Content-Length': '200000' },
      contentSha256: 'UNSIGNED-PAYLOAD',
      stream: body(),
    });
    assertError(answer, 404, 'NoSuchBucket');
    const got = await s3.get(bucket, key);
    assertError(got, 404, again ? 'NoSuchKey' : 'NoSuchBucket');
  }
});

test('a bucket deleted with an upload open takes it along, parts on the way included', async () => {
  for (let round = 0; round < 8; round += 1) {
    const bucket = await s3.makeBucket();
    const uploads = new Uploads(s3, bucket);
    const uploadId = await uploads.create(key);
    const parts = [await uploads.part(key, uploadId, 1, Buffer.from('first'))];
    const [part, completed, deleted] = await Promise.all([
      uploads.rawPart(key, `partNumber=2&uploadId=${uploadId}`, Buffer.alloc(100_000)),
      uploads.complete(key, uploadId, parts),
      s3.send({ method: 'DELETE', path: `/${bucket}` }),
    ]);
    if (deleted.status === 204) {
      assert.ok(completed.status === 404, completed.text);
      assert.ok(part.status === 200 || part.status === 404, part.text);
      assertError(await s3.get(bucket, key), 404, 'NoSuchBucket');
    } else {
      assertError(deleted, 409, 'BucketNotEmpty');
      assert.equal(completed.status, 200, completed.text);
      assert.equal((await s3.get(bucket, key)).text, 'first');
    }
  }
});

test('a part number sent many times at once is one of them, and completes as that one', async () => {
  const bucket = await s3.makeBucket();
  const uploads = new Uploads(s3, bucket);
  const uploadId = await uploads.create(key);
  const texts = Array.from({ length: writers }, (_, index) => `part ${index}`.repeat(2000));
  const answers = await each(writers, (index) =>
    uploads.rawPart(key, `partNumber=1&uploadId=${uploadId}`, texts[index] ?? ''),
  );
  for (const answer of answers) assert.equal(answer.status, 200, answer.text);
  const { text } = await s3.get(bucket, key, `uploadId=${uploadId}`);
  const [etag, ...others] = elements(text, 'Part').map((part) => textOf(part, 'ETag') ?? '');
  assert.deepEqual(others, []);
  const won = texts.find((given) => `"${md5Hex(given)}"` === etag);
  assert.ok(won !== undefined, `${etag} is the ETag of none`);
  const completed = await uploads.complete(key, uploadId, [{ PartNumber: 1, ETag: etag ?? '' }]);
  assert.equal(completed.status, 200, completed.text);
  assert.equal((await s3.get(bucket, key)).text, won);
});

test('completed by many at once an upload is one object', async () => {
  for (let round = 0; round < rounds; round += 1) {
    const bucket = await makeBucket('Enabled');
    const uploads = new Uploads(s3, bucket);
    const uploadId = await uploads.create(key);
    const parts = [await uploads.part(key, uploadId, 1, Buffer.from('whole'))];
    const answers = await each(8, () => uploads.complete(key, uploadId, parts));
    // Later ones answer as the first did, or that the upload is over.
    assert.ok(answers.some(({ status }) => status === 200));
    for (const answer of answers) {
      if (answer.status !== 200) assertError(answer, 404, 'NoSuchUpload');
    }
    assert.equal((await versionsOf(bucket)).length, 1);
    assert.equal((await s3.get(bucket, key)).text, 'whole');
  }
});

test('a listing beside puts and deletes is in order, and has what was there all the time', async () => {
  const bucket = await s3.makeBucket();
  await each(20, (index) => s3.put(bucket, `stays/${String(index).padStart(2, '0')}`, 'x'));
  const [listings] = await Promise.all([
    each(10, () => s3.send({ path: `/${bucket}?list-type=2` })),
    each(20, (index) => s3.put(bucket, `comes/${index}`, 'x')),
    each(10, (index) => s3.delete(bucket, `comes/${index}`)),
  ]);
  for (const { text } of listings) {
    const keys = textsOf(text, 'Key');
    assert.deepEqual(keys, [...new Set(keys)].sort());
    assert.equal(keys.filter((found) => found.startsWith('stays/')).length, 20);
  }
});

test('behind all that the directory is whole and the log tells of no fault', async () => {
  const { gateway } = s3;
  if (gateway === undefined) return;
  const { status, output } = await gateway.check();
  assert.equal(status, 0, output);
  assert.doesNotMatch(gateway.log(), /"level":"(error|fatal)"/);
});
