import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error } from './errors.ts';
import { headersOf } from './headers.ts';
import {
  contentEncoding,
  responseOverrides,
  storageClass,
  storageClassHeader,
  systemHeaders,
} from './object-headers.ts';
import { parseQuery } from './query.ts';

test('system headers are kept byte for byte', () => {
  const headers = headersOf([
    ['Content-Type', 'text/plain; charset=utf8 '],
    ['Cache-Control', 'no-cache'],
    ['Content-Disposition', 'attachment; filename="\u00c3\u00a9"'],
    ['Content-Language', 'mi, en'],
    ['Expires', 'not a date'],
    ['x-amz-website-redirect-location', '/other'],
    ['Content-Length', '5'],
    ['Content-Encoding', 'gzip ,aws-chunked'],
  ]);
  assert.deepEqual(systemHeaders(headers), {
    'content-type': 'text/plain; charset=utf8 ',
    'cache-control': 'no-cache',
    'content-disposition': 'attachment; filename="\u00c3\u00a9"',
    'content-language': 'mi, en',
    expires: 'not a date',
    'content-encoding': 'gzip',
    'x-amz-website-redirect-location': '/other',
  });
  assert.deepEqual(systemHeaders(headersOf([['content-type', '']])), {});
});

test('aws-chunked: each occurrence stripped, an empty header dropped', () => {
  assert.equal(contentEncoding('aws-chunked'), undefined);
  assert.equal(contentEncoding('AWS-Chunked, aws-chunked'), undefined);
  assert.equal(contentEncoding('aws-chunked,gzip'), 'gzip');
  assert.equal(contentEncoding('gzip, aws-chunked, br'), 'gzip, br');
  assert.equal(contentEncoding('gzip,br'), 'gzip,br');
  assert.equal(contentEncoding('x-aws-chunked'), 'x-aws-chunked');
  assert.equal(contentEncoding(' '), undefined);
  assert.equal(contentEncoding(undefined), undefined);
});

test('names and values of 2 KB are kept, more is MetadataTooLarge; a redirect counts apart', () => {
  const redirect = 'x-amz-website-redirect-location';
  const of = (disposition: number, location: number) =>
    systemHeaders(
      headersOf([
        ['content-disposition', 'x'.repeat(disposition)],
        [redirect, `/${'x'.repeat(location)}`],
      ]),
    );
  const room = 2048 - 'content-disposition'.length;
  assert.equal(of(room, 2047)['content-disposition']?.length, room);
  for (const [disposition, location] of [
    [room + 1, 0],
    [0, 2048],
  ] as const) {
    assert.throws(
      () => of(disposition, location),
      (error) =>
        error instanceof S3Error &&
        error.code === 'MetadataTooLarge' &&
        error.fields.Size === '2049',
    );
  }
});

test('a website redirect must lead somewhere', () => {
  assert.throws(
    () => systemHeaders(headersOf([['x-amz-website-redirect-location', 'ftp://x']])),
    (error) => error instanceof S3Error && error.code === 'InvalidRedirectLocation',
  );
});

test('storage class: omitted for STANDARD, unknown class 400 InvalidStorageClass', () => {
  const of = (value: string) => storageClass(headersOf([['x-amz-storage-class', value]]));
  assert.equal(storageClass(headersOf([])), 'STANDARD');
  assert.equal(of('GLACIER_IR'), 'GLACIER_IR');
  assert.deepEqual(storageClassHeader('STANDARD'), {});
  assert.deepEqual(storageClassHeader('STANDARD_IA'), { 'x-amz-storage-class': 'STANDARD_IA' });
  for (const value of ['', 'standard', 'COLD', 'constructor']) {
    assert.throws(
      () => of(value),
      (error) =>
        error instanceof S3Error && error.code === 'InvalidStorageClass' && error.status === 400,
      value,
    );
  }
});

test('response-* overrides become headers', () => {
  const query = parseQuery(
    'response-content-type=a%2Fb&response-cache-control=no-cache&response-expires=&x-id=GetObject' +
      '&response-content-disposition=attachment%3B%20filename%3D%22%C3%A9%22',
  );
  assert.deepEqual(responseOverrides(query), {
    'content-type': 'a/b',
    'cache-control': 'no-cache',
    'content-disposition': 'attachment; filename="é"',
  });
  assert.deepEqual(responseOverrides(parseQuery('')), {});
});

test('an override that no header can carry is 400 InvalidArgument', () => {
  for (const value of ['a%0D%0Ab', 'a%0A', '%00', '%7F', '%E2%82%AC', '%F0%9F%98%80']) {
    assert.throws(
      () => responseOverrides(parseQuery(`response-content-language=${value}`)),
      (error) =>
        error instanceof S3Error &&
        error.code === 'InvalidArgument' &&
        error.fields.ArgumentName === 'response-content-language',
      value,
    );
  }
});
