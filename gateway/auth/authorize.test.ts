import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error } from '../s3/errors.ts';
import {
  mayUseBucket,
  requireBucketUse,
  requireExpectedBucketOwner,
  requireIdentity,
} from './authorize.ts';
import { exampleIdentity } from './test-requests.ts';

function denied(call: () => unknown): void {
  assert.throws(
    call,
    (error: unknown) => error instanceof S3Error && error.code === 'AccessDenied',
  );
}

test('anonymous requests are denied', () => {
  denied(() => requireIdentity({ kind: 'anonymous', payload: { kind: 'unsigned' } }));
  const authenticated = {
    kind: 'signed',
    identity: exampleIdentity,
    payload: { kind: 'unsigned' },
  } as const;
  assert.equal(requireIdentity(authenticated), exampleIdentity);
});

test('a bucket is its owner’s', () => {
  const own = { ownerId: exampleIdentity.userId };
  const foreign = { ownerId: 'b'.repeat(64) };
  assert.equal(mayUseBucket(exampleIdentity, own), true);
  assert.equal(mayUseBucket(exampleIdentity, foreign), false);
  assert.equal(mayUseBucket(undefined, own), false);
  requireBucketUse(exampleIdentity, own);
  denied(() => requireBucketUse(exampleIdentity, foreign));
  denied(() => requireBucketUse(undefined, own));
});

test('the expected bucket owner is an account id', () => {
  requireExpectedBucketOwner(undefined, '123456789012');
  requireExpectedBucketOwner('123456789012', '123456789012');
  denied(() => requireExpectedBucketOwner('123456789013', '123456789012'));
  denied(() => requireExpectedBucketOwner('', '123456789012'));
  denied(() => requireExpectedBucketOwner('123456789012', undefined));
});
