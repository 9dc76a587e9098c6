/** Pipelined requests and broken heads: https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3.2 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendBytes, signedHeaders } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';

const s3 = await openTarget();
const bucket = await s3.makeBucket();

function bytes(
  method: string,
  path: string,
  body = '',
  more: Readonly<Record<string, string>> = {},
) {
  const lines = Object.entries({
    ...signedHeaders(s3, { method, path, body }),
    ...(method === 'PUT' ? { 'Content-Length': String(body.length) } : {}),
    ...more,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

const lastRequest = () => bytes('GET', `/${bucket}/none`, '', { Connection: 'close' });
/** Only a server that does not close is waited for so long. */
const exchange = (text: string) => sendBytes(s3.endpoint, Buffer.from(text, 'latin1'), 30_000);
const closing = (text: string) => exchange(text + lastRequest());

const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));

test('writes and reads of one connection take effect in the order they were sent in', async () => {
  const rounds = 12;
  const path = `/${bucket}/order`;
  const requests = Array.from({ length: rounds }, (_, round) =>
    [
      bytes('PUT', path, `body ${round};`.repeat(round % 3 === 0 ? 20_000 : 1)),
      bytes('GET', path),
      bytes('DELETE', path),
      bytes('GET', path),
    ].join(''),
  );
  const { text } = await closing(requests.join(''));
  const expected = Array.from({ length: rounds }, () => [200, 200, 204, 404]).flat();
  expected.push(404);
  assert.deepEqual(statuses(text), expected);
  const found = [...text.matchAll(/body (\d+);/g)].map(([, round]) => Number(round));
  assert.deepEqual([...new Set(found)], [...Array(rounds).keys()]);
});

test('many at once are all answered', async () => {
  await s3.put(bucket, 'many', 'x');
  const count = 200;
  const { text } = await closing(bytes('GET', `/${bucket}/many`).repeat(count));
  assert.deepEqual(statuses(text), [...Array(count).fill(200), 404]);
});

test('behind an answer that closes the connection nothing is done any more', async () => {
  const path = `/${bucket}/behind-close`;
  const { text, closed } = await exchange(lastRequest() + bytes('PUT', path, 'x'));
  assert.deepEqual([statuses(text), closed], [[404], true]);
  assert.equal((await s3.head(bucket, 'behind-close')).status, 404);
});

test('a broken request behind good ones is refused behind their answers', async () => {
  const path = `/${bucket}/before-broken`;
  const { text, closed } = await exchange(
    `${bytes('PUT', path, 'x'.repeat(100_000)) + bytes('GET', path)}GET /\xff HTTP/1.1\r\n\r\n`,
  );
  assert.deepEqual([statuses(text), closed], [[200, 200, 400], true]);
  assert.equal((text.match(/x-amz-request-id/gi) ?? []).length, 3);
});

test('a HEAD that cannot be parsed is refused without a document', async () => {
  const { text, closed } = await exchange(`HEAD /${bucket}/\x05 HTTP/1.1\r\nHost: x\r\n\r\n`);
  assert.match(text, /^HTTP\/1\.1 400 [\s\S]*x-amz-request-id[\s\S]*\r\n\r\n$/);
  assert.ok(closed);
});
