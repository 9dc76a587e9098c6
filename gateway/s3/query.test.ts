import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import { address, encodeUri, parseQuery, percentDecode, splitTarget } from './query.ts';

const at = (rawPath: string, host = 'localhost:9000', domains: string[] = []) => {
  const { bucket, key } = address({ rawPath, host, domains });
  return [bucket, key];
};

function assertCode(action: () => unknown, code: string, label?: string) {
  assert.throws(
    action,
    (error) => error instanceof S3Error && error.code === code && error.status === 400,
    label,
  );
}

test('the target is split at the first question mark', () => {
  assert.deepEqual(splitTarget('/b/k?x=1?y'), { rawPath: '/b/k', rawQuery: 'x=1?y' });
  assert.deepEqual(splitTarget('/b/%3Fk'), { rawPath: '/b/%3Fk', rawQuery: '' });
  assert.deepEqual(splitTarget('http://h:1/b?q'), { rawPath: '/b', rawQuery: 'q' });
  assert.deepEqual(splitTarget('http://h'), { rawPath: '/', rawQuery: '' });
  assert.deepEqual(splitTarget('HTTPS://h?q'), { rawPath: '/', rawQuery: 'q' });
  assert.deepEqual(splitTarget('*'), { rawPath: '*', rawQuery: '' });
  assert.deepEqual(splitTarget('/b/http://x/'), { rawPath: '/b/http://x/', rawQuery: '' });
});

test('path style: `/b` and `/b/` are the bucket', () => {
  assert.deepEqual(at('/'), ['', '']);
  assert.deepEqual(at('/b'), ['b', '']);
  assert.deepEqual(at('/b/'), ['b', '']);
  assert.deepEqual(at('/b/k'), ['b', 'k']);
});

test('any key S3 allows: `//`, dots, %2F, spaces, plus signs, emoji, control characters', () => {
  assert.deepEqual(at('/b//'), ['b', '/']);
  assert.deepEqual(at('/b//a//b/'), ['b', '/a//b/']);
  assert.deepEqual(at('/b/./../x'), ['b', './../x']);
  assert.deepEqual(at('/b/a%2Fb'), ['b', 'a/b']);
  assert.deepEqual(at('/b/a%20b+c'), ['b', 'a b+c']);
  assert.deepEqual(at('/b/%F0%9F%98%80'), ['b', '😀']);
  assert.deepEqual(at('/b/%01%0d%7f'), ['b', '\u0001\r\u007f']);
});

test('decoded once: %25ff is the key %ff', () => {
  assert.deepEqual(at('/b/%25ff'), ['b', '%ff']);
  assert.deepEqual(at('/b/%252F'), ['b', '%2F']);
});

test('invalid UTF-8 is 400 InvalidURI, and so is a broken escape', () => {
  for (const raw of ['%ff', '%', '%2', '%zz', '%C0%AF', '%ED%A0%80', '%F5%80%80%80', 'é', ' ']) {
    assertCode(() => at(`/b/${raw}`), 'InvalidURI', raw);
    assertCode(() => parseQuery(`x=${raw}`), 'InvalidURI', raw);
    assertCode(() => parseQuery(`${raw}=x`), 'InvalidURI', raw);
  }
  assertCode(() => at('/%ff'), 'InvalidURI');
  assertCode(() => at('*'), 'InvalidURI');
  assertCode(() => at('//key'), 'InvalidBucketName');
});

test('virtual-host style for configured domains', () => {
  const domains = ['s3.example.com', 'example.com', 'storage.test'];
  assert.deepEqual(at('/k/l', 'bucket.s3.example.com:9000', domains), ['bucket', 'k/l']);
  assert.deepEqual(at('/', 'my.dotted.bucket.storage.test', domains), ['my.dotted.bucket', '']);
  assert.deepEqual(at('//a', 'bucket.S3.Example.COM.', domains), ['bucket', '/a']);
  assert.deepEqual(at('/b/k', 's3.example.com', domains), ['b', 'k'], 'the domain itself');
  assert.deepEqual(at('/b/k', 'other.org', domains), ['b', 'k']);
  assert.deepEqual(at('/b/k', 'xstorage.test', domains), ['b', 'k']);
  assert.deepEqual(at('/b/k', '.storage.test', domains), ['b', 'k']);
  assert.deepEqual(at('/b/k', '[::1]:9000', domains), ['b', 'k']);
  assert.deepEqual(at('/_/health/live', 'bucket.storage.test', domains), [
    'bucket',
    '_/health/live',
  ]);
});

test('the query keeps order and repeats, and plus stays plus', () => {
  const query = parseQuery('prefix=a+b%2B%20c&uploads&=v&x=1&x=2&y==&&z=');
  assert.deepEqual(query.entries, [
    ['prefix', 'a+b+ c'],
    ['uploads', ''],
    ['', 'v'],
    ['x', '1'],
    ['x', '2'],
    ['y', '='],
    ['z', ''],
  ]);
  assert.equal(query.get('prefix'), 'a+b+ c');
  assert.equal(query.get('x'), '1');
  assert.equal(query.get('uploads'), '');
  assert.equal(query.has('uploads'), true);
  assert.equal(query.get('absent'), undefined);
  assert.equal(query.has('__proto__'), false);
  assert.deepEqual(parseQuery('').entries, []);
});

test('encoding keeps only the unreserved characters', () => {
  const all = "-_.~ !'()*+/?&=é";
  assert.equal(encodeUri(all, { keepSlash: false }), '-_.~%20%21%27%28%29%2A%2B%2F%3F%26%3D%C3%A9');
  assert.equal(encodeUri('a/b c', { keepSlash: true }), 'a/b%20c');
});

test('whatever is encoded decodes to itself', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, keepSlash) => {
      assert.equal(percentDecode(encodeUri(text, { keepSlash })), text);
    }),
  );
});
