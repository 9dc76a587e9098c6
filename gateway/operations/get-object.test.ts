import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Answer, s3Error, TestGateway } from './testing/gateway.ts';

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.open();
});
after(() => gateway.close());

const described = {
  'content-type': 'text/plain; charset=Utf-8',
  'cache-control': 'no-cache',
  'content-disposition': 'attachment; filename="a b"',
  'content-encoding': 'aws-chunked,gzip',
  'content-language': 'da',
  expires: 'Wed, 21 Oct 2026 07:28:00 GMT',
  'x-amz-meta-name': 'Jörg',
  'x-amz-meta-plain': 'value',
  'x-amz-tagging': 'a=1&b=2',
  'x-amz-storage-class': 'STANDARD_IA',
};

async function head(bucket: string, key: string, query = {}, headers = {}): Promise<Answer> {
  return await gateway.call('HeadObject', { bucket, key, query, headers });
}

test('HEAD has the headers of GET and no body', async () => {
  const bucket = await gateway.bucket('Enabled');
  await gateway.put(bucket, 'k', 'bytes', described);
  const got = await gateway.get(bucket, 'k');
  const headed = await head(bucket, 'k');
  assert.deepEqual(headed.headers, got.headers);
  assert.equal(headed.body.length, 0);
  assert.equal(got.text, 'bytes');
});

test('headers come back as they were sent', async () => {
  const bucket = await gateway.bucket();
  const latin1 = { ...described, 'x-amz-meta-name': Buffer.from('Jörg').toString('latin1') };
  await gateway.put(bucket, 'k', 'bytes', latin1);
  const { headers } = await gateway.get(bucket, 'k');
  assert.equal(headers['content-type'], 'text/plain; charset=Utf-8');
  assert.equal(headers['cache-control'], 'no-cache');
  assert.equal(headers['content-disposition'], 'attachment; filename="a b"');
  assert.equal(headers['content-encoding'], 'gzip');
  assert.equal(headers['content-language'], 'da');
  assert.equal(headers.expires, 'Wed, 21 Oct 2026 07:28:00 GMT');
  assert.equal(headers['x-amz-meta-plain'], 'value');
  assert.equal(headers['x-amz-meta-name'], '=?UTF-8?Q?J=C3=B6rg?=');
  assert.equal(headers['x-amz-tagging-count'], '2');
  assert.equal(headers['x-amz-storage-class'], 'STANDARD_IA');
  assert.equal(headers['accept-ranges'], 'bytes');
  assert.match(headers['last-modified'] ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/);
  assert.equal(headers['x-amz-version-id'], undefined);
});

test('defaults: binary/octet-stream, no storage class, no tag count', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x');
  const { headers } = await gateway.get(bucket, 'k');
  assert.equal(headers['content-type'], 'binary/octet-stream');
  assert.equal(headers['x-amz-storage-class'], undefined);
  assert.equal(headers['x-amz-tagging-count'], undefined);
  await assert.rejects(
    gateway.put(bucket, 'k', 'x', { 'x-amz-storage-class': 'PAPER' }),
    s3Error('InvalidStorageClass'),
  );
  await assert.rejects(
    gateway.put(bucket, 'k', 'x', { 'x-amz-meta-a': 'x'.repeat(2048) }),
    s3Error('MetadataTooLarge', { MaxSizeAllowed: '2048' }),
  );
});

test('ranges', async () => {
  const bucket = await gateway.bucket();
  const bytes = Buffer.alloc(700_000, '0123456789');
  await gateway.put(bucket, 'k', bytes);
  const range = (value: string) => gateway.get(bucket, 'k', {}, { range: value });
  for (const [text, start, end] of [
    ['bytes=0-0', 0, 0],
    ['bytes=5-9', 5, 9],
    ['bytes=262140-262150', 262140, 262150],
    ['bytes=699990-', 699990, 699999],
    ['bytes=-3', 699997, 699999],
    ['bytes=-9999999', 0, 699999],
    ['bytes=10-9999999', 10, 699999],
  ] as const) {
    const answer = await range(text);
    assert.equal(answer.status, 206, text);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end}/700000`);
    assert.equal(answer.headers['content-length'], String(end - start + 1));
    assert.ok(answer.body.equals(bytes.subarray(start, end + 1)), text);
  }
  for (const text of ['bytes=0-1,3-4', 'bytes=x', 'lines=1-2', 'bytes=5-2']) {
    const answer = await range(text);
    assert.equal(answer.status, 200, text);
    assert.equal(answer.body.length, bytes.length);
  }
  await assert.rejects(
    range('bytes=700000-'),
    s3Error('InvalidRange', { RangeRequested: 'bytes=700000-', ActualObjectSize: '700000' }),
  );
  await gateway.put(bucket, 'empty', '');
  await assert.rejects(
    gateway.get(bucket, 'empty', {}, { range: 'bytes=0-' }),
    s3Error('InvalidRange'),
  );
});

test('a checksum is answered when asked for, and never beside a range', async () => {
  const bucket = await gateway.bucket();
  const sha = 'uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=';
  await gateway.put(bucket, 'k', 'hello world', { 'x-amz-checksum-sha256': sha });
  const asked = { 'x-amz-checksum-mode': 'ENABLED' };
  const whole = await gateway.get(bucket, 'k', {}, asked);
  assert.equal(whole.headers['x-amz-checksum-sha256'], sha);
  assert.equal(whole.headers['x-amz-checksum-type'], 'FULL_OBJECT');
  assert.equal((await head(bucket, 'k', {}, asked)).headers['x-amz-checksum-sha256'], sha);
  const unasked = await gateway.get(bucket, 'k');
  assert.equal(unasked.headers['x-amz-checksum-sha256'], undefined);
  const part = await gateway.get(bucket, 'k', {}, { ...asked, range: 'bytes=0-3' });
  assert.equal(part.headers['x-amz-checksum-sha256'], undefined);
});

test('conditional reads', async () => {
  const bucket = await gateway.bucket('Enabled');
  const put = await gateway.put(bucket, 'k', 'x');
  const etag = put.headers.etag ?? '';
  const get = (headers: Record<string, string>) => gateway.get(bucket, 'k', {}, headers);
  const past = 'Mon, 01 Jan 2001 00:00:00 GMT';
  const future = 'Thu, 01 Jan 2099 00:00:00 GMT';
  assert.equal((await get({ 'if-match': etag })).status, 200);
  await assert.rejects(get({ 'if-match': '"x"' }), s3Error('PreconditionFailed'));
  await assert.rejects(get({ 'if-unmodified-since': past }), s3Error('PreconditionFailed'));
  assert.equal((await get({ 'if-modified-since': past })).status, 200);
  await assert.rejects(get({ 'if-modified-since': future }), s3Error('NotModified'));
  await assert.rejects(get({ 'if-none-match': etag }), (error: unknown) => {
    s3Error('NotModified')(error);
    const { headers } = error as { headers: Record<string, string> };
    assert.equal(headers.ETag, etag);
    assert.ok(headers['Last-Modified']);
    assert.equal(headers['x-amz-version-id'], put.headers['x-amz-version-id']);
    return true;
  });
});

test('response-* overrides', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'x', described);
  const { headers } = await gateway.get(bucket, 'k', {
    'response-content-type': 'image/png',
    'response-cache-control': 'max-age=1',
    'response-content-disposition': 'inline',
    'response-content-encoding': 'br',
    'response-content-language': 'fr',
    'response-expires': 'never',
  });
  assert.equal(headers['content-type'], 'image/png');
  assert.equal(headers['cache-control'], 'max-age=1');
  assert.equal(headers['content-disposition'], 'inline');
  assert.equal(headers['content-encoding'], 'br');
  assert.equal(headers['content-language'], 'fr');
  assert.equal(headers.expires, 'never');
  for (const bad of ['a\r\nb', '\u{1F9AD}']) {
    await assert.rejects(
      gateway.get(bucket, 'k', { 'response-content-type': bad }),
      s3Error('InvalidArgument', { ArgumentName: 'response-content-type' }),
    );
  }
});

test('partNumber of an object that came in one piece', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'k', 'body');
  const first = await gateway.get(bucket, 'k', { partNumber: '1' });
  assert.equal(first.text, 'body');
  assert.equal(first.status, 206);
  assert.equal(first.headers['content-range'], 'bytes 0-3/4');
  await assert.rejects(
    gateway.get(bucket, 'k', { partNumber: '2' }),
    s3Error('InvalidPartNumber', { PartNumberRequested: '2', ActualPartCount: '1' }),
  );
  for (const bad of ['0', '-1', 'x', '10001']) {
    await assert.rejects(gateway.get(bucket, 'k', { partNumber: bad }), s3Error('InvalidArgument'));
  }
  await assert.rejects(
    gateway.get(bucket, 'k', { partNumber: '1' }, { range: 'bytes=0-1' }),
    s3Error('InvalidRequest'),
  );
});

test('a reader that has begun keeps its snapshot while the key is overwritten and deleted', async () => {
  const bucket = await gateway.bucket();
  const bytes = Buffer.alloc(2_000_000, 'old ');
  await gateway.put(bucket, 'k', bytes);
  const { body } = await gateway.start('GetObject', { bucket, key: 'k' });
  assert.ok(body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body));
  const iterator = body[Symbol.asyncIterator]();
  const pieces = [(await iterator.next()).value as Buffer];
  await gateway.put(bucket, 'k', Buffer.alloc(2_000_000, 'new!'));
  await gateway.call('DeleteObject', { bucket, key: 'k' });
  await gateway.blobseer.maintain();
  for (;;) {
    const next = await iterator.next();
    if (next.done) break;
    pieces.push(next.value);
  }
  assert.ok(Buffer.concat(pieces).equals(bytes));
});

test('a lease is given back when the stream ends, is left, or the look-up fails', async () => {
  const bucket = await gateway.bucket();
  await gateway.put(bucket, 'large', Buffer.alloc(2_000_000, 1));
  await gateway.put(bucket, 'small', 'x');
  let held = 0;
  const { blobseer } = gateway;
  const { beginRead } = blobseer;
  blobseer.beginRead = () => {
    const lease = beginRead.call(blobseer);
    held += 1;
    return {
      release() {
        held -= 1;
        lease.release();
      },
    };
  };
  try {
    await gateway.get(bucket, 'large');
    assert.equal(held, 0);
    await gateway.get(bucket, 'small');
    assert.equal(held, 0);
    await assert.rejects(gateway.get(bucket, 'absent'), s3Error('NoSuchKey'));
    assert.equal(held, 0);
    await gateway.put(bucket, 'large', 'smaller');
    assert.equal(held, 0);
    await gateway.put(bucket, 'large', Buffer.alloc(2_000_000, 1));
    for (const isStarted of [false, true]) {
      const { body } = await gateway.start('GetObject', { bucket, key: 'large' });
      assert.equal(held, 1);
      assert.ok(body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body));
      const iterator = body[Symbol.asyncIterator]();
      if (isStarted) await iterator.next();
      await iterator.return?.();
      assert.equal(held, 0);
    }
  } finally {
    blobseer.beginRead = beginRead;
  }
});
