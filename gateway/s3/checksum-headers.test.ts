import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  announcedChecksum,
  announcedMd5,
  announcedObjectChecksum,
  announcedTrailers,
  requestedChecksum,
  trailerChecksum,
  verifyChecksum,
  verifyMd5,
} from './checksum-headers.ts';
import { S3Error } from './errors.ts';
import { headersOf } from './headers.ts';

const headers = (record: Record<string, string>) => headersOf(Object.entries(record));

function assertError(action: () => unknown, code: string, message?: RegExp) {
  assert.throws(action, (error) => {
    assert.ok(error instanceof S3Error);
    assert.equal(error.code, code);
    assert.equal(error.status, 400);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

const crc32 = 'y/Q5Jg==';

test('a checksum header is the expected digest', () => {
  assert.deepEqual(
    announcedChecksum(
      headers({ 'x-amz-checksum-crc32': crc32, 'x-amz-sdk-checksum-algorithm': 'CRC32' }),
    ),
    { algorithm: 'CRC32', expected: Buffer.from('cbf43926', 'hex') },
  );
  assert.equal(announcedChecksum(headers({ 'content-type': 'x' })), undefined);
});

test('a trailer announces the algorithm, its value comes later', () => {
  assert.deepEqual(
    announcedChecksum(
      headers({
        'X-Amz-Trailer': ' X-Amz-Checksum-CRC64NVME ',
        'x-amz-sdk-checksum-algorithm': 'crc64nvme',
      }),
    ),
    { algorithm: 'CRC64NVME', expected: undefined },
  );
  assert.deepEqual(announcedTrailers(headers({ 'x-amz-trailer': 'A, b,,' })), ['a', 'b']);
});

test('mode, type and algorithm headers are no checksums', () => {
  assert.equal(
    announcedChecksum(
      headers({
        'x-amz-checksum-mode': 'ENABLED',
        'x-amz-checksum-type': 'FULL_OBJECT',
        'x-amz-checksum-algorithm': 'CRC32',
      }),
    ),
    undefined,
  );
});

test('two checksum headers, or a header and a trailer, are InvalidRequest', () => {
  for (const record of [
    { 'x-amz-checksum-crc32': crc32, 'x-amz-checksum-sha1': '2jmj7l5rSw0yVb/vlWAYkK/YBwk=' },
    { 'x-amz-checksum-crc32': crc32, 'x-amz-trailer': 'x-amz-checksum-crc32' },
    { 'x-amz-trailer': 'x-amz-checksum-crc32, x-amz-checksum-crc32c' },
  ] as Record<string, string>[]) {
    assertError(
      () => announcedChecksum(headers(record)),
      'InvalidRequest',
      /single x-amz-checksum-/,
    );
  }
});

test('unknown algorithms answer as S3 does', () => {
  assertError(
    () => announcedChecksum(headers({ 'x-amz-checksum-xxhash32': 'AAAAAA==' })),
    'InvalidRequest',
    /algorithm type you specified/,
  );
  assertError(
    () => announcedChecksum(headers({ 'x-amz-trailer': 'x-amz-checksum-sha384' })),
    'InvalidRequest',
    /x-amz-trailer header is not supported/,
  );
  assertError(
    () => announcedChecksum(headers({ 'x-amz-sdk-checksum-algorithm': 'SHA384' })),
    'InvalidRequest',
    /x-amz-sdk-checksum-algorithm header is invalid/,
  );
  assertError(
    () => requestedChecksum(headers({ 'x-amz-checksum-algorithm': 'MD4' })),
    'InvalidRequest',
    /\[CRC32, CRC32C, CRC64NVME, MD5, SHA1, SHA256, SHA512, XXHASH128, XXHASH3, XXHASH64\]/,
  );
});

test('malformed checksum values are InvalidRequest', () => {
  for (const value of ['', 'bad', 'y/Q5Jg', 'AAAAAAAA']) {
    assertError(
      () => announcedChecksum(headers({ 'x-amz-checksum-crc32': value })),
      'InvalidRequest',
      /^Value for x-amz-checksum-crc32 header is invalid\.$/,
    );
  }
});

test('x-amz-sdk-checksum-algorithm without a checksum, or with another one, is InvalidRequest', () => {
  assertError(
    () => announcedChecksum(headers({ 'x-amz-sdk-checksum-algorithm': 'CRC32' })),
    'InvalidRequest',
    /no corresponding/,
  );
  assertError(
    () =>
      announcedChecksum(
        headers({ 'x-amz-sdk-checksum-algorithm': 'SHA1', 'x-amz-checksum-crc32': crc32 }),
      ),
    'InvalidRequest',
  );
});

test('checksums of an upload: algorithm, type and what fits together', () => {
  const of = (algorithm: string, type?: string) =>
    requestedChecksum(
      headers({
        'x-amz-checksum-algorithm': algorithm,
        ...(type === undefined ? {} : { 'x-amz-checksum-type': type }),
      }),
    );
  assert.deepEqual(of('CRC32'), { algorithm: 'CRC32', type: 'COMPOSITE' });
  assert.deepEqual(of('crc64nvme'), { algorithm: 'CRC64NVME', type: 'FULL_OBJECT' });
  assert.deepEqual(of('CRC32C', 'FULL_OBJECT'), { algorithm: 'CRC32C', type: 'FULL_OBJECT' });
  assert.equal(requestedChecksum(headers({})), undefined);
  assertError(() => of('SHA256', 'FULL_OBJECT'), 'InvalidRequest', /FULL_OBJECT .* sha256/);
  assertError(() => of('CRC64NVME', 'COMPOSITE'), 'InvalidRequest');
  assertError(() => of('CRC32', 'HALF'), 'InvalidRequest', /x-amz-checksum-type/);
  assertError(
    () => requestedChecksum(headers({ 'x-amz-checksum-type': 'COMPOSITE' })),
    'InvalidRequest',
  );
});

test('the checksum of a Complete may carry the number of parts', () => {
  const of = (value: string) => announcedObjectChecksum(headers({ 'x-amz-checksum-crc32': value }));
  assert.deepEqual(of(crc32), { algorithm: 'CRC32', value: crc32 });
  assert.deepEqual(of(`${crc32}-10000`), { algorithm: 'CRC32', value: `${crc32}-10000` });
  assert.equal(announcedObjectChecksum(headers({})), undefined);
  for (const value of [`${crc32}-0`, `${crc32}-`, `${crc32}-x`, '-1']) {
    assertError(() => of(value), 'InvalidRequest');
  }
});

test('a mismatch is BadDigest with the message of AWS', () => {
  const a = Buffer.from('cbf43926', 'hex');
  verifyChecksum('CRC32', a, Buffer.from(a));
  assertError(
    () => verifyChecksum('CRC32', a, Buffer.alloc(4)),
    'BadDigest',
    /^The CRC32 you specified did not match the calculated checksum\.$/,
  );
});

test('trailers: missing is MalformedTrailerError, malformed InvalidRequest', () => {
  const trailers = (value: string) => new Map([['x-amz-checksum-crc32', value]]);
  assert.deepEqual(trailerChecksum('CRC32', trailers(crc32)), Buffer.from('cbf43926', 'hex'));
  assertError(() => trailerChecksum('CRC32', new Map()), 'MalformedTrailerError');
  assertError(() => trailerChecksum('CRC32', trailers('x')), 'InvalidRequest', /trailing header/);
});

test('Content-MD5: malformed is InvalidDigest, a mismatch BadDigest', () => {
  const md5 = '1B2M2Y8AsgTpgAmY7PhCfg==';
  const expected = announcedMd5(headers({ 'Content-MD5': md5 }));
  assert.equal(expected?.toString('base64'), md5);
  assert.equal(announcedMd5(headers({})), undefined);
  for (const value of ['', 'x', 'd41d8cd98f00b204e9800998ecf8427e', '1B2M2Y8AsgTpgAmY7PhCfg']) {
    assertError(() => announcedMd5(headers({ 'content-md5': value })), 'InvalidDigest');
  }
  verifyMd5(Buffer.alloc(16), Buffer.alloc(16));
  assert.throws(
    () => verifyMd5(Buffer.alloc(16), Buffer.alloc(16, 1)),
    (error) =>
      error instanceof S3Error &&
      error.code === 'BadDigest' &&
      error.fields.ExpectedDigest === 'AAAAAAAAAAAAAAAAAAAAAA==' &&
      error.fields.CalculatedDigest === 'AQEBAQEBAQEBAQEBAQEBAQ==',
  );
});
