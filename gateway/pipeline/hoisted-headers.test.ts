import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseQuery } from '../s3/query.ts';
import { withHoistedHeaders } from './hoisted-headers.ts';
import { RequestHeaders } from './request-headers.ts';

const hoisted = (query: string, ...sent: string[]) =>
  withHoistedHeaders(new RequestHeaders(sent), parseQuery(query));

test('only the query of a presigned URL stands for headers', () => {
  for (const query of ['', 'Signature=s&', 'AWSAccessKeyId=k&', 'X-Amz-Algorithm=a&']) {
    assert.equal(hoisted(`${query}x-amz-acl=private`).get('x-amz-acl'), undefined, query);
  }
  for (const query of ['X-Amz-Signature=s&', 'Signature=s&AWSAccessKeyId=k&']) {
    const headers = hoisted(`${query}X-Amz-Acl=private&cache-control=no-store`);
    assert.equal(headers.get('x-amz-acl'), 'private');
    assert.equal(headers.get('cache-control'), undefined, 'not signed in version 2');
    assert.deepEqual(headers.withPrefix('x-amz-acl'), [['x-amz-acl', 'private']]);
  }
});

test('Content-Type and Content-MD5 are taken in version 2, which signs them there', () => {
  const query = 'content-type=text%2Fplain&Content-MD5=x';
  const version2 = hoisted(`Signature=s&AWSAccessKeyId=k&${query}`);
  assert.deepEqual(
    [version2.get('content-type'), version2.get('content-md5')],
    ['text/plain', 'x'],
  );
  assert.equal(hoisted(`X-Amz-Signature=s&${query}`).get('content-type'), undefined);
});

test('a header that is sent wins', () => {
  const headers = hoisted('X-Amz-Signature=s&x-amz-acl=private', 'X-Amz-Acl', 'public-read');
  assert.equal(headers.get('x-amz-acl'), 'public-read');
});

test('blanks around a value go, the bytes of a letter stay', () => {
  // The second byte of an à is U+00A0, which JavaScript's trim takes for a blank.
  const headers = hoisted('X-Amz-Signature=s&x-amz-meta-a=%20voil%C3%A0%09');
  assert.equal(headers.get('x-amz-meta-a'), 'voil\u00c3\u00a0');
});

test('what no header could hold is refused', () => {
  assert.throws(() => hoisted('X-Amz-Signature=s&x-amz-meta-a=a%0Ab'), { code: 'InvalidArgument' });
});
