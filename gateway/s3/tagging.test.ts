import assert from 'node:assert/strict';
import { test } from 'node:test';
import { S3Error, type S3ErrorCode } from './errors.ts';
import { checkTags, parseTagging } from './tagging.ts';

function assertCode(action: () => unknown, code: S3ErrorCode, label?: string) {
  assert.throws(
    action,
    (error) => error instanceof S3Error && error.code === code && error.status === 400,
    label,
  );
}

test('x-amz-tagging is form-encoded', () => {
  assert.deepEqual(parseTagging('a=1&b=two+words&c=%C3%A9%2B&d&e='), {
    a: '1',
    b: 'two words',
    c: 'é+',
    d: '',
    e: '',
  });
  assert.equal(parseTagging(undefined), undefined);
  assert.equal(parseTagging(''), undefined);
  assert.deepEqual(Object.entries(parseTagging('__proto__=x') ?? {}), [['__proto__', 'x']]);
});

test('a header that does not decode or repeats a tag is InvalidArgument', () => {
  for (const header of ['a=%ff', 'a=%', 'a=1&a=2', 'a=1,b=2', 'a%01=']) {
    assertCode(() => parseTagging(header), 'InvalidArgument', header);
  }
});

test('10 tags, keys of 128 and values of 256 characters are the limits', () => {
  const tags = (count: number) =>
    Array.from({ length: count }, (_, index) => [`k${index}`, 'v'] as const);
  assert.equal(Object.keys(checkTags(tags(10))).length, 10);
  assertCode(() => checkTags(tags(11)), 'InvalidTag');
  checkTags([['é'.repeat(128), 'ü'.repeat(256)]]);
  assertCode(() => checkTags([['k'.repeat(129), '']]), 'InvalidTag');
  assertCode(() => checkTags([['k', 'v'.repeat(257)]]), 'InvalidTag');
  for (const tagged of ['bucket', 'new bucket'] as const) {
    assert.equal(Object.keys(checkTags(tags(50), tagged)).length, 50);
    assertCode(() => checkTags(tags(51), tagged), 'InvalidTag');
  }
});

test('odd, reserved, empty and repeated keys are InvalidTag', () => {
  checkTags([['a b_.:/=+-@', 'x']]);
  for (const [key, value] of [
    ['', 'v'],
    ['a\u0001', 'v'],
    ['a!', 'v'],
    ['k', 'v\n'],
    ['aws:x', 'v'],
    ['AWS:x', 'v'],
  ] as const) {
    assertCode(() => checkTags([[key, value]]), 'InvalidTag', JSON.stringify([key, value]));
  }
  assertCode(
    () =>
      checkTags([
        ['a', '1'],
        ['a', '2'],
      ]),
    'InvalidTag',
  );
});
