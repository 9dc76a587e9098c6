/**
 * Every form of x-amz-content-sha256, with the framing that goes with it:
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and -trailers.html
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { anyChecksum, checksum, checksumNames } from '../harness/checksums.ts';
import { type StreamingForm, streamingRequest } from '../harness/chunked.ts';
import { assertError } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();
const content = randomBytes(200_001);
const trailers = { 'x-amz-checksum-crc32': checksum('crc32', content) };

const forms: readonly StreamingForm[] = [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
];
const trailersOf = (form: StreamingForm) => (form.endsWith('TRAILER') ? trailers : {});

for (const form of forms) {
  test(`${form}: the bytes are stored without their framing`, async () => {
    for (const chunkBytes of [8192, 65_536, 1_000_000]) {
      for (const size of [0, 1, 8192, 200_001]) {
        const body = content.subarray(0, size);
        const put = await s3.send(
          streamingRequest(s3, {
            path: `/${bucket}/${form}-${size}`,
            content: body,
            form,
            chunkBytes,
            trailers: form.endsWith('TRAILER')
              ? { 'x-amz-checksum-crc32': checksum('crc32', body) }
              : {},
          }),
        );
        assert.equal(put.status, 200, `${size} in ${chunkBytes}: ${put.text}`);
        const get = await s3.get(bucket, `${form}-${size}`);
        assert.ok(get.body.equals(body));
        assert.equal(get.headers['content-encoding'], undefined);
      }
    }
  });

  test(`${form}: with Transfer-Encoding: chunked and no Content-Length`, async () => {
    const put = await s3.send(
      streamingRequest(s3, {
        path: `/${bucket}/te`,
        content,
        form,
        trailers: trailersOf(form),
        chunkedTransfer: true,
      }),
    );
    assert.equal(put.status, 200, put.text);
    assert.ok((await s3.get(bucket, 'te')).body.equals(content));
  });

  test(`${form}: it is recognised without any Content-Encoding`, async () => {
    const request = streamingRequest(s3, {
      path: `/${bucket}/plain-encoding`,
      content,
      form,
      trailers: trailersOf(form),
      headers: { 'Content-Encoding': 'gzip' },
    });
    assert.equal((await s3.send(request)).status, 200);
    const get = await s3.get(bucket, 'plain-encoding');
    assert.ok(get.body.equals(content));
    assert.equal(get.headers['content-encoding'], 'gzip');
  });

  test(`${form}: bodies that end early or are not framed are refused and store nothing`, async () => {
    const tampers: Readonly<Record<string, (framed: Buffer) => Buffer>> = {
      'cut in the last chunk': (framed) => framed.subarray(0, framed.length - 3),
      'cut in the middle': (framed) => framed.subarray(0, framed.length >> 1),
      'cut in the first size line': (framed) => framed.subarray(0, 2),
      'no framing': () => content,
      'a negative size': () => Buffer.from('-5\r\nhello\r\n0\r\n\r\n'),
      'a size that is no number': () => Buffer.from('zz\r\nhello\r\n0\r\n\r\n'),
      'an endless size line': () => Buffer.alloc(200_000, 0x31),
      'bytes behind the end': (framed) => Buffer.concat([framed, Buffer.from('more')]),
      'no line end behind the data': (framed) =>
        Buffer.from(framed.toString('latin1').replace('\r\n0', 'xx0'), 'latin1'),
      nothing: () => Buffer.alloc(0),
    };
    for (const [what, tamper] of Object.entries(tampers)) {
      const key = `tampered-${what.replaceAll(' ', '-')}`;
      const answer = await s3.send(
        streamingRequest(s3, {
          path: `/${bucket}/${key}`,
          content,
          form,
          trailers: trailersOf(form),
          tamper,
        }),
      );
      assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status}`);
      assert.match(
        answer.text,
        /<Code>(IncompleteBody|InvalidRequest|SignatureDoesNotMatch|MalformedTrailerError|InvalidArgument|InvalidChunkSizeError)</,
        what,
      );
      assertError(await s3.get(bucket, key), 404, 'NoSuchKey');
    }
  });

  test(`${form}: a decoded length that is wrong is refused`, async () => {
    for (const wrong of [content.length - 1, content.length + 1]) {
      const answer = await s3.send(
        streamingRequest(s3, {
          path: `/${bucket}/wrong-length`,
          content,
          form,
          trailers: trailersOf(form),
          headers: { 'x-amz-decoded-content-length': String(wrong) },
        }),
      );
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.text, /<Code>(IncompleteBody|InvalidRequest|InvalidArgument)</);
    }
    assertError(await s3.get(bucket, 'wrong-length'), 404, 'NoSuchKey');
  });
}

for (const form of [
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
] as const) {
  test(`${form}: a changed byte is SignatureDoesNotMatch`, async () => {
    const answer = await s3.send(
      streamingRequest(s3, {
        path: `/${bucket}/changed`,
        content,
        form,
        trailers: trailersOf(form),
        tamper: (framed) => {
          const changed = Buffer.from(framed);
          const at = changed.length - 5000;
          changed[at] = (changed[at] ?? 0) ^ 1;
          return changed;
        },
      }),
    );
    assertError(answer, 403, 'SignatureDoesNotMatch');
    assertError(await s3.get(bucket, 'changed'), 404, 'NoSuchKey');
  });
}

for (const form of forms.slice(1)) {
  for (const name of checksumNames) {
    test(`${form}: the trailer x-amz-checksum-${name} is verified and kept`, async () => {
      const header = `x-amz-checksum-${name}`;
      const good = await s3.send(
        streamingRequest(s3, {
          path: `/${bucket}/trailer-${name}`,
          content,
          form,
          trailers: { [header]: await anyChecksum(name, content) },
        }),
      );
      assert.equal(good.status, 200, good.text);
      const head = await s3.head(bucket, `trailer-${name}`, '', {
        'x-amz-checksum-mode': 'ENABLED',
      });
      assert.equal(head.headers[header], await anyChecksum(name, content));
      const bad = await s3.send(
        streamingRequest(s3, {
          path: `/${bucket}/trailer-bad-${name}`,
          content,
          form,
          trailers: { [header]: await anyChecksum(name, Buffer.from('other')) },
        }),
      );
      assertError(bad, 400, 'BadDigest');
      assertError(await s3.get(bucket, `trailer-bad-${name}`), 404, 'NoSuchKey');
    });
  }

  test(`${form}: a trailer that was announced and does not come is refused`, async () => {
    const answer = await s3.send(
      streamingRequest(s3, {
        path: `/${bucket}/missing-trailer`,
        content,
        form,
        headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      }),
    );
    assert.equal(answer.status, 400, answer.text);
    assertError(await s3.get(bucket, 'missing-trailer'), 404, 'NoSuchKey');
  });
}

test('a changed trailer of the signed form is refused', async () => {
  const answer = await s3.send(
    streamingRequest(s3, {
      path: `/${bucket}/forged-trailer`,
      content,
      form: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      trailers,
      tamper: (framed) => {
        const text = framed.toString('latin1');
        const forged = checksum('crc32', Buffer.from('forged'));
        return Buffer.from(text.replace(trailers['x-amz-checksum-crc32'], forged), 'latin1');
      },
    }),
  );
  assert.ok([400, 403].includes(answer.status), answer.text);
  assert.match(answer.text, /<Code>(SignatureDoesNotMatch|BadDigest)</);
});

test('an unknown STREAMING form is refused', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/form`,
    body: 'x',
    contentSha256: 'STREAMING-AWS9-PAYLOAD',
  });
  assert.equal(answer.status, 400, answer.text);
});

test('UNSIGNED-PAYLOAD takes any body of the right length', async () => {
  const answer = await s3.send({
    method: 'PUT',
    path: `/${bucket}/unsigned`,
    body: content,
    contentSha256: 'UNSIGNED-PAYLOAD',
  });
  assert.equal(answer.status, 200, answer.text);
  assert.ok((await s3.get(bucket, 'unsigned')).body.equals(content));
});

test('the SDK’s upload of a stream, which it frames itself', async () => {
  async function* source() {
    for (let offset = 0; offset < content.length; offset += 50_000) {
      yield content.subarray(offset, offset + 50_000);
    }
  }
  const { Readable } = await import('node:stream');
  await s3.client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: 'sdk-stream',
      Body: Readable.from(source()),
      ContentLength: content.length,
    }),
  );
  assert.ok((await s3.get(bucket, 'sdk-stream')).body.equals(content));
});

test('a part of a multipart upload may be framed too', async () => {
  const created = await s3.send({ method: 'POST', path: `/${bucket}/framed-part?uploads` });
  const uploadId = /<UploadId>([^<]+)</.exec(created.text)?.[1] ?? '';
  const answer = await s3.send(
    streamingRequest(s3, {
      path: `/${bucket}/framed-part?partNumber=1&uploadId=${uploadId}`,
      content,
      form: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      trailers,
    }),
  );
  assert.equal(answer.status, 200, answer.text);
  await s3.send({
    method: 'POST',
    path: `/${bucket}/framed-part?uploadId=${uploadId}`,
    body: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${answer.headers.etag}</ETag></Part></CompleteMultipartUpload>`,
  });
  assert.ok((await s3.get(bucket, 'framed-part')).body.equals(content));
});
