import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anonymousId } from '../s3/acl.ts';
import { S3Error } from '../s3/errors.ts';
import { requesterOf, requireExpectedBucketOwner, requireIdentity } from './authorize.ts';
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

test('who does not sign is S3’s anonymous user', () => {
  assert.equal(requesterOf({ kind: 'anonymous', payload: { kind: 'unsigned' } }), anonymousId);
});

test('the expected bucket owner is an account id', () => {
  requireExpectedBucketOwner(undefined, '123456789012');
  requireExpectedBucketOwner('123456789012', '123456789012');
  denied(() => requireExpectedBucketOwner('123456789013', '123456789012'));
  denied(() => requireExpectedBucketOwner('', '123456789012'));
  denied(() => requireExpectedBucketOwner('123456789012', undefined));
});
