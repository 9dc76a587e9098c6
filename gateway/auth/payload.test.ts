import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { S3Error } from '../s3/errors.ts';
import { parsePayloadHash, verifyPayloadSha256 } from './payload.ts';

async function* bodyOf(...pieces: string[]): AsyncGenerator<Buffer> {
  for (const piece of pieces) yield Buffer.from(piece);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

test('the values of x-amz-content-sha256', () => {
  const kinds: [string, string][] = [
    ['UNSIGNED-PAYLOAD', 'unsigned'],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'streaming-signed'],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'streaming-signed-trailer'],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'streaming-unsigned-trailer'],
  ];
  for (const [value, kind] of kinds) assert.deepEqual(parsePayloadHash(value), { kind });
  assert.deepEqual(parsePayloadHash('AB'.repeat(32)), { kind: 'sha256', sha256: 'ab'.repeat(32) });
});

test('other values of x-amz-content-sha256', () => {
  const codeOf = (value: string) => {
    try {
      parsePayloadHash(value);
    } catch (error) {
      return error instanceof S3Error ? error.code : undefined;
    }
    return undefined;
  };
  for (const value of [
    '',
    'garbage',
    'a'.repeat(63),
    'a'.repeat(65),
    'g'.repeat(64),
    'UNSIGNED-PAYLOAD,UNSIGNED-PAYLOAD',
  ]) {
    assert.equal(codeOf(value), 'InvalidArgument', value);
  }
  assert.equal(codeOf('STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER'), 'NotImplemented');
});

test('a body that matches passes unchanged, and its digest is handed on once', async () => {
  const digests: string[] = [];
  const pieces: string[] = [];
  const body = verifyPayloadSha256(bodyOf('one', '', 'two'), sha256('onetwo'), (digest) =>
    digests.push(digest.toString('hex')),
  );
  for await (const piece of body) pieces.push(piece.toString());
  assert.deepEqual(pieces, ['one', '', 'two']);
  assert.deepEqual(digests, [sha256('onetwo')]);
});

test('a body that does not match ends in XAmzContentSHA256Mismatch', async () => {
  const digests: Buffer[] = [];
  const pieces: string[] = [];
  const body = verifyPayloadSha256(bodyOf('one'), sha256('other'), (digest) =>
    digests.push(digest),
  );
  await assert.rejects(
    async () => {
      for await (const piece of body) pieces.push(piece.toString());
    },
    (error: unknown) => {
      assert.ok(error instanceof S3Error);
      assert.equal(error.code, 'XAmzContentSHA256Mismatch');
      assert.equal(error.status, 400);
      assert.deepEqual(error.fields, {
        ClientComputedContentSHA256: sha256('other'),
        S3ComputedContentSHA256: sha256('one'),
      });
      return true;
    },
  );
  assert.deepEqual(pieces, ['one']);
  assert.deepEqual(digests, []);
});

test('an error of the body is its own, and leaving early closes the body', async () => {
  let closed = 0;
  async function* breaking(): AsyncGenerator<Buffer> {
    try {
      yield Buffer.from('one');
      throw new Error('the client went away');
    } finally {
      closed++;
    }
  }
  await assert.rejects(async () => {
    for await (const _ of verifyPayloadSha256(breaking(), sha256('one')));
  }, /the client went away/);
  for await (const _ of verifyPayloadSha256(breaking(), sha256('one'))) break;
  assert.equal(closed, 2);
});
