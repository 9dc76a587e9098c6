import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlobSeerError } from '../../blobseer-client/index.ts';
import { NamespaceError } from '../namespace/errors.ts';
import { S3Error } from '../s3/errors.ts';
import { asS3Error } from './store-errors.ts';

test('each throw has its code and keeps its cause', () => {
  for (const [thrown, code, status] of [
    [new BlobSeerError('no-space', 'x'), 'InsufficientStorage', 507],
    [new BlobSeerError('stopped', 'x'), 'ServiceUnavailable', 503],
    [new BlobSeerError('unavailable', 'x'), 'ServiceUnavailable', 503],
    [new BlobSeerError('conflict', 'x'), 'OperationAborted', 409],
    [new BlobSeerError('corrupt', 'x'), 'InternalError', 500],
    [new BlobSeerError('not-found', 'x'), 'InternalError', 500],
    [new NamespaceError('no-such-bucket', 'x'), 'NoSuchBucket', 404],
    [new NamespaceError('no-such-upload', 'x'), 'NoSuchUpload', 404],
    [new NamespaceError('corrupt', 'x'), 'InternalError', 500],
    [new TypeError('x'), 'InternalError', 500],
    ['a string', 'InternalError', 500],
    [undefined, 'InternalError', 500],
  ] as const) {
    const error = asS3Error(thrown);
    assert.deepEqual([error.code, error.status, error.cause], [code, status, thrown]);
  }
});

test('an S3Error stays what it is', () => {
  const error = new S3Error('NoSuchKey');
  assert.equal(asS3Error(error), error);
});
