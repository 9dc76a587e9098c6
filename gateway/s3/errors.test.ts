import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogue, invalidArgument, notImplemented, renderError, S3Error } from './errors.ts';

const context = { resource: '/b/k%20ey', requestId: 'REQ', hostId: 'HOST' };

test('an error takes status and message from the catalogue', () => {
  const error = new S3Error('NoSuchKey');
  assert.equal(error.status, 404);
  assert.equal(error.message, 'The specified key does not exist.');
  assert.deepEqual(error.fields, {});
  assert.deepEqual(error.headers, {});
  assert.ok(error instanceof Error);
});

test('message, status, headers and cause can be given', () => {
  const cause = new Error('disk');
  const error = new S3Error('MethodNotAllowed', {
    message: 'no',
    status: 499,
    headers: { Allow: 'DELETE' },
    cause,
  });
  assert.equal(error.message, 'no');
  assert.equal(error.status, 499);
  assert.deepEqual(error.headers, { Allow: 'DELETE' });
  assert.equal(error.cause, cause);
});

test('the document: Code, Message, fields in order, Resource, RequestId, HostId, no namespace', () => {
  const error = new S3Error('InvalidRange', {
    fields: { RangeRequested: 'bytes=9-', ActualObjectSize: '3' },
  });
  assert.equal(
    renderError(error, context),
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<Error><Code>InvalidRange</Code><Message>The requested range is not satisfiable</Message>' +
      '<RangeRequested>bytes=9-</RangeRequested><ActualObjectSize>3</ActualObjectSize>' +
      '<Resource>/b/k%20ey</Resource><RequestId>REQ</RequestId><HostId>HOST</HostId></Error>',
  );
});

test('what a client sent is escaped and cannot become markup', () => {
  const error = invalidArgument('max-keys', '</ArgumentValue><x>\r\u0001', 'a & b');
  assert.match(
    renderError(error, { requestId: 'R', hostId: 'H' }),
    /<Message>a &amp; b<\/Message><ArgumentName>max-keys<\/ArgumentName><ArgumentValue>&lt;\/ArgumentValue&gt;&lt;x&gt;&#13;&#1;<\/ArgumentValue><RequestId>/,
  );
});

test('recognised-but-unsupported headers answer NotImplemented by name', () => {
  const error = notImplemented('x-amz-server-side-encryption-customer-key');
  assert.equal(error.status, 501);
  assert.deepEqual(error.fields, { Header: 'x-amz-server-side-encryption-customer-key' });
});

test('unconfigured reads answer 404 with the codes of AWS', () => {
  for (const code of [
    'NoSuchBucketPolicy',
    'NoSuchCORSConfiguration',
    'NoSuchTagSet',
    'NoSuchLifecycleConfiguration',
    'NoSuchWebsiteConfiguration',
    'ReplicationConfigurationNotFoundError',
    'ObjectLockConfigurationNotFoundError',
    'NoSuchPublicAccessBlockConfiguration',
    'ServerSideEncryptionConfigurationNotFoundError',
    'OwnershipControlsNotFoundError',
  ] as const) {
    assert.equal(catalogue[code].status, 404, code);
  }
});

test('statuses that clients act on', () => {
  const expected = {
    NotModified: 304,
    BucketNotEmpty: 409,
    MissingContentLength: 411,
    PreconditionFailed: 412,
    InvalidRange: 416,
    InternalError: 500,
    NotImplemented: 501,
    SlowDown: 503,
    InsufficientStorage: 507,
  } as const;
  for (const [code, status] of Object.entries(expected)) {
    assert.equal(catalogue[code as keyof typeof expected].status, status, code);
  }
  for (const [code, entry] of Object.entries(catalogue)) {
    assert.match(code, /^[A-Z][A-Za-z0-9]+$/);
    assert.ok(entry.status >= 300 && entry.status < 600 && entry.message !== '', code);
  }
});
