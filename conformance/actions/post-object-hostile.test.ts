/** Forms that are none: broken, too large, or made to be taken for another. */
import assert from 'node:assert/strict';
import net from 'node:net';
import { before, test } from 'node:test';
import {
  formBody,
  formBoundary,
  partsOf,
  postBody,
  postSigned,
  signedPolicy,
} from '../harness/forms.ts';
import { assertError, send } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';

const s3 = await openTarget();
let bucket = '';

before(async () => {
  bucket = await s3.makeBucket();
});

async function assertAbsent(key: string): Promise<void> {
  assertError(await s3.get(bucket, key), 404, 'NoSuchKey');
}

const key = 'hostile';
const parts = () => [...partsOf({ key, ...signedPolicy(s3, [{ bucket }, { key }]) })];
const filePart = { name: 'file', value: 'bar', fileName: 'f' };

test('another Content-Type, or no boundary', async () => {
  const body = formBody([...parts(), filePart]);
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/mixed; boundary=a',
  ]) {
    const answer = await postBody(s3, bucket, body, { 'Content-Type': type });
    assertError(answer, 412, 'RequestIsNotMultiPartContent');
  }
  for (const end of [
    '',
    '; boundary=',
    '; boundary=""',
    `; boundary=${'b'.repeat(300)}`,
    '; boundary=other',
  ]) {
    const answer = await postBody(s3, bucket, body, {
      'Content-Type': `multipart/form-data${end}`,
    });
    assertError(answer, 400, 'MalformedPOSTRequest');
  }
  await assertAbsent(key);
});

test('no file, two files, a file that comes first', async () => {
  const exactlyOne = { Message: 'POST requires exactly one file upload per request.' };
  for (const [given, count] of [
    [parts(), '0'],
    [[...parts(), filePart, filePart], '2'],
    [
      [...parts(), { ...filePart, value: Buffer.alloc(300_000) }, { ...filePart, name: 'FILE' }],
      '2',
    ],
  ] as const) {
    const answer = await postBody(s3, bucket, formBody(given));
    assertError(answer, 400, 'InvalidArgument', { ...exactlyOne, ArgumentValue: count });
  }
  const first = await postBody(s3, bucket, formBody([filePart, ...parts()]));
  assertError(first, 400, 'InvalidArgument', { ArgumentName: 'key' });
  await assertAbsent(key);
});

test('bodies that end too early leave nothing', async () => {
  const whole = formBody([...parts(), { ...filePart, value: Buffer.alloc(200_000, 'x') }]);
  const fileEnd = whole.length - formBoundary.length - 8;
  for (const length of [
    0,
    10,
    500,
    whole.length - 150_000,
    fileEnd,
    fileEnd + 10,
    whole.length - 4,
  ]) {
    const answer = await postBody(s3, bucket, whole.subarray(0, length));
    assert.equal(answer.status, 400, `${length}: ${answer.text}`);
    assert.match(textOf(answer.text, 'Code') ?? '', /^(MalformedPOSTRequest|InvalidArgument)$/);
  }
  await assertAbsent(key);
  // The line break behind the closing boundary is not needed.
  assert.equal((await postBody(s3, bucket, whole.subarray(0, -2))).status, 204);
});

test('a connection that breaks off leaves nothing', async () => {
  const name = 'broken-off';
  const body = formBody([
    ...partsOf({ key: name, ...signedPolicy(s3, [{ bucket }, { key: name }]) }),
    { ...filePart, value: Buffer.alloc(1_000_000, 'x') },
  ]);
  const url = new URL(s3.endpoint);
  if (url.protocol === 'http:') {
    await new Promise<void>((resolve, reject) => {
      const socket = net.connect(Number(url.port), url.hostname, () => {
        const head = `POST /${bucket} HTTP/1.1\r\nHost: ${url.host}\r\nContent-Type: multipart/form-data; boundary=${formBoundary}\r\nContent-Length: ${body.length}\r\n\r\n`;
        socket.write(head);
        socket.write(body.subarray(0, 500_000), () => socket.destroy());
      });
      socket.on('close', () => resolve());
      socket.on('error', reject);
    });
  }
  await assertAbsent(name);
  assert.equal((await postSigned(s3, bucket, { key: 'after' })).status, 204);
});

test('too much before the file', async () => {
  const limit = { MaxPostPreDataLengthBytes: '20480' };
  const many = Array.from({ length: 10_000 }, (_, index) => ({ name: `f${index}`, value: 'x' }));
  for (const extra of [
    [{ name: 'x-ignore-a', value: 'x'.repeat(21_000) }],
    [{ name: `x-ignore-${'a'.repeat(21_000)}`, value: '' }],
    [{ name: 'x-ignore-a', value: '', contentType: 'x'.repeat(21_000) }],
    many,
  ]) {
    const answer = await postBody(s3, bucket, formBody([...parts(), ...extra, filePart]));
    assertError(answer, 400, 'MaxPostPreDataLengthExceeded', limit);
  }
});

test('odd names, nested forms, odd parts', async () => {
  for (const name of ['a\0b', '', 'a\u0001']) {
    const body = formBody([...parts(), { name, value: 'x' }, filePart]);
    assertError(await postBody(s3, bucket, body), 400, 'MalformedPOSTRequest');
  }
  // A line break in a name is no name: at most the form is refused, never is it taken for another.
  for (const name of ['a\r\nb', 'key"\r\nContent-Type: "a', 'a\nb']) {
    const body = formBody([...parts(), { name, value: 'x' }, filePart]);
    const answer = await postBody(s3, bucket, body);
    assert.ok([204, 400, 403].includes(answer.status), `${answer.status}`);
  }
  const inner = formBody([{ name: 'file', value: 'inner', fileName: 'inner' }], 'inner').toString();
  const nested = {
    name: 'x-ignore-files',
    value: inner,
    contentType: 'multipart/mixed; boundary=inner',
  };
  const answer = await postBody(s3, bucket, formBody([...parts(), nested, filePart]));
  assert.equal(answer.status, 204, answer.text);
  assert.equal((await s3.get(bucket, key)).text, 'bar');
});

test('without a length: 411', async () => {
  const answer = await send(s3, {
    method: 'POST',
    path: `/${bucket}`,
    anonymous: true,
    headers: { 'Content-Type': `multipart/form-data; boundary=${formBoundary}` },
    body: formBody([...parts(), filePart]),
    chunkedTransfer: true,
  });
  assertError(answer, 411, 'MissingContentLength');
});
