import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Clock } from '../clock.ts';
import {
  accessKeyFault,
  accountIdFault,
  displayNameFault,
  newAccessKey,
  newAccountId,
  newUser,
  secretFault,
  UserImportError,
  userIdFault,
  userImportFaults,
} from './users.ts';

const clock: Clock = { nowMs: () => 1234, randomBytes };

function constantClock(byte: number): Clock {
  return { nowMs: () => 0, randomBytes: (count) => Buffer.alloc(count, byte) };
}

test('what is made has its form and passes its own validation', () => {
  for (const source of [clock, constantClock(0), constantClock(0xff)]) {
    const user = newUser(source, { displayName: 'Ada' });
    assert.match(user.id, /^[0-9a-f]{64}$/);
    assert.match(user.accountId, /^[1-9][0-9]{11}$/);
    assert.equal(user.createdMs, source.nowMs());
    const [key] = user.keys;
    assert.match(key?.accessKey ?? '', /^BS[A-Z0-9]{18}$/);
    assert.match(key?.secret ?? '', /^[A-Za-z0-9]{40}$/);
    assert.deepEqual(
      userImportFaults({
        displayName: user.displayName,
        id: user.id,
        accountId: user.accountId,
        accessKey: key?.accessKey,
        secret: key?.secret,
      }),
      [],
    );
  }
});

test('randomness comes from the clock alone and reaches every part', () => {
  assert.deepEqual(newAccessKey(constantClock(7)), newAccessKey(constantClock(7)));
  const keys = Array.from({ length: 200 }, () => newAccessKey(clock));
  assert.equal(new Set(keys.map((key) => key.accessKey)).size, keys.length);
  assert.equal(new Set(keys.map((key) => key.secret)).size, keys.length);
  assert.equal(new Set(Array.from({ length: 200 }, () => newAccountId(clock))).size, 200);
  // Every character of the alphabets turns up somewhere.
  assert.equal(new Set(keys.flatMap((key) => [...key.accessKey])).size, 36);
  assert.equal(new Set(keys.flatMap((key) => [...key.secret])).size, 62);
});

test('imported ids and keys are kept', () => {
  const user = newUser(clock, {
    displayName: 'M. Tester',
    id: 'testid$tenant',
    accountId: '000000000001',
    accessKey: '0555b35654ad1656d804',
    secret: 'h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q==',
  });
  assert.equal(user.id, 'testid$tenant');
  assert.equal(user.accountId, '000000000001');
  assert.deepEqual(user.keys, [
    {
      accessKey: '0555b35654ad1656d804',
      secret: 'h7GhxuBLTrlhVUyxSPUKUV8r/2EI4ngqJxD7iBdBYLhwluN30JaT3Q==',
      createdMs: 1234,
    },
  ]);
});

test('faults of imports', () => {
  const cases: [(text: string) => string | undefined, string[], string[]][] = [
    [
      accessKeyFault,
      ['abc', 'minioadmin', 'a.b_c@d+e-f', 'A'.repeat(128)],
      ['', 'ab', 'a/b', 'a,b', 'a b', 'é'.repeat(5), 'A'.repeat(129), 'abc\n'],
    ],
    [
      secretFault,
      ['12345678', 'a/b+c=\'"<>', 'x'.repeat(256)],
      ['', '1234567', 'has a space', 'tab\tbetween', 'pass\u00e9word', 'x'.repeat(257)],
    ],
    [userIdFault, ['1', 'f'.repeat(64)], ['', 'a b', 'a/b', 'x'.repeat(129), 'a\n']],
    [
      accountIdFault,
      ['000000000000'],
      ['', '12345678901', '1234567890123', '12345678901a', '١٢٣٤٥٦٧٨٩٠١٢'],
    ],
    [displayNameFault, ['x', 'Zoë 🙂'], ['', 'a\nb', '\u0000', '\ud800', 'x'.repeat(129)]],
  ];
  for (const [faultOf, good, bad] of cases) {
    for (const text of good) assert.equal(faultOf(text), undefined, text);
    for (const text of bad) assert.match(faultOf(text) ?? '', /^an? /, JSON.stringify(text));
  }
});

test('a refused import names every fault and no secret', () => {
  const given = { displayName: '', accountId: '12', accessKey: 'a/b', secret: 'short' };
  assert.throws(
    () => newUser(clock, given),
    (error: unknown) => {
      assert.ok(error instanceof UserImportError);
      assert.equal(error.faults.length, 4);
      assert.ok(!error.message.includes(given.secret));
      return true;
    },
  );
  assert.deepEqual(userImportFaults({ displayName: 'x', accessKey: 'abcdef' }), [
    'access key and secret are given together or not at all',
  ]);
});
