import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { S3Error } from './errors.ts';
import {
  checkNotTooLarge,
  checkNotTooSmall,
  checkPostPolicy,
  fieldName,
  parsePostPolicy,
} from './post-policy.ts';

const expiration = '2030-01-01T12:00:00.000Z';
const expirationMs = Date.parse(expiration);
const beforeMs = expirationMs - 1;

const encode = (document: string) => Buffer.from(document).toString('base64');
const policyOf = (conditions: readonly unknown[]) =>
  parsePostPolicy(encode(JSON.stringify({ expiration, conditions })));

function allows(
  conditions: readonly unknown[],
  fields: Readonly<Record<string, string>>,
  bucket = 'b',
): boolean {
  try {
    checkPostPolicy(policyOf(conditions), {
      fields: new Map(Object.entries(fields)),
      bucket,
      nowMs: beforeMs,
    });
    return true;
  } catch (error) {
    assert.ok(error instanceof S3Error && error.code === 'AccessDenied', String(error));
    return false;
  }
}

function failsWith(code: string, message?: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof S3Error, String(error));
    assert.equal(error.code, code);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  };
}

describe('reading', () => {
  test('conditions of each kind', () => {
    const policy = policyOf([
      { Acl: 'private' },
      ['EQ', '$Content-Type', 'a"b'],
      ['Starts-With', '$KEY', ''],
      ['content-length-range', 1, '1000'],
    ]);
    assert.deepEqual(policy, {
      expirationMs,
      conditions: [
        { kind: 'eq', field: 'acl', value: 'private', text: '["eq", "$Acl", "private"]' },
        {
          kind: 'eq',
          field: 'content-type',
          value: 'a"b',
          text: '["eq", "$Content-Type", "a\\"b"]',
        },
        { kind: 'starts-with', field: 'key', value: '', text: '["starts-with", "$KEY", ""]' },
      ],
      lengths: [{ min: 1, max: 1000 }],
    });
  });

  test('an encoder may wrap its lines', () => {
    const field = encode(JSON.stringify({ expiration, conditions: [] })).replace(
      /(.{20})/g,
      '$1\r\n',
    );
    assert.deepEqual(parsePostPolicy(field).conditions, []);
  });

  test('what is not base64, UTF-8 or JSON', () => {
    const whole = encode(JSON.stringify({ expiration, conditions: [] }));
    for (const field of [
      '%',
      'abc',
      whole.slice(0, -1),
      whole.replace(/^./, '-'),
      `${whole}====`,
    ]) {
      assert.throws(() => parsePostPolicy(field), failsWith('InvalidPolicyDocument'), field);
    }
    const latin1 = Buffer.from(`{"expiration":"${expiration}","conditions":["\xff"]}`, 'latin1');
    assert.throws(
      () => parsePostPolicy(latin1.toString('base64')),
      failsWith('InvalidPolicyDocument'),
    );
    // Deeper than anybody's stack, within the size of a form.
    for (const document of ['[', '{"conditions":[', '{"a":']) {
      const deep = encode(document.repeat(15_000 / document.length));
      assert.throws(() => parsePostPolicy(deep), failsWith('InvalidPolicyDocument'));
    }
  });

  test('escapes that JSON does not have', () => {
    const value = (json: string) =>
      parsePostPolicy(encode(`{"expiration":"${expiration}","conditions":[{"key":"${json}"}]}`))
        .conditions[0]?.value;
    assert.equal(value('\\$a'), '$a');
    assert.equal(value('\\v'), '\u000b');
    assert.equal(value('\\\\$a'), '\\$a');
    assert.equal(value('\\\\\\$a'), '\\$a');
    assert.equal(value('\\\\v'), '\\v');
    assert.equal(value('\\u00e4\\n\\"'), 'ä\n"');
    assert.throws(() => value('\\x'), failsWith('InvalidPolicyDocument'));
  });

  test('only a policy is read from whatever JSON there is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (json) => {
        assert.throws(() => parsePostPolicy(encode(json)), failsWith('InvalidPolicyDocument'));
      }),
      { numRuns: 200 },
    );
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 2 }), { minLength: 1 }), (conditions) => {
        try {
          policyOf(conditions);
        } catch (error) {
          assert.ok(error instanceof S3Error && error.code === 'InvalidPolicyDocument');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('properties that every object inherits are no properties', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const document = `{"expiration":"${expiration}","conditions":[{"${name}":"x"}]}`;
      assert.deepEqual(
        parsePostPolicy(encode(document)).conditions.map(({ field }) => field),
        [fieldName(name)],
      );
      assert.equal(
        allows([{ key: 'k' }, { bucket: 'b' }, ['eq', `$${name}`, 'x']], { key: 'k' }),
        false,
      );
    }
    const inherited = `{"__proto__":{"expiration":"${expiration}","conditions":[]}}`;
    assert.throws(() => parsePostPolicy(encode(inherited)), failsWith('InvalidPolicyDocument'));
  });
});

describe('holding a form against it', () => {
  test('it ends with its expiration', () => {
    const policy = policyOf([{ bucket: 'b' }]);
    const at = (nowMs: number) =>
      checkPostPolicy(policy, { fields: new Map(), bucket: 'b', nowMs });
    at(beforeMs);
    assert.throws(() => at(expirationMs), failsWith('AccessDenied', /Policy expired\.$/));
  });

  test('the bucket is the one of the request, and must be spoken of', () => {
    assert.ok(allows([{ bucket: 'b' }], {}));
    assert.ok(!allows([{ bucket: 'b' }], { bucket: 'b' }, 'other'));
    assert.ok(!allows([], {}));
    assert.ok(!allows([], { bucket: 'b' }));
  });

  test('a field is allowed when every condition on it holds and there is one', () => {
    const condition = fc.oneof(
      fc.tuple(fc.constant('eq'), fc.string({ maxLength: 3 })),
      fc.tuple(fc.constant('starts-with'), fc.string({ maxLength: 2 })),
    );
    fc.assert(
      fc.property(
        fc.array(condition, { maxLength: 3 }),
        fc.string({ maxLength: 3 }),
        (list, value) => {
          const conditions = list.map(([kind, expected]) => [kind, '$x-amz-meta-a', expected]);
          const expected =
            list.length > 0 &&
            list.every(([kind, text]) => (kind === 'eq' ? value === text : value.startsWith(text)));
          assert.equal(
            allows([{ bucket: 'b' }, ...conditions], { 'x-amz-meta-a': value }),
            expected,
          );
        },
      ),
    );
  });

  test('whatever fields a form adds, a policy that does not name them refuses it', () => {
    const free = new Set(['policy', 'file', 'signature', 'x-amz-signature', 'awsaccesskeyid']);
    const name = fc.oneof(
      fc.constantFrom(
        ...free,
        'acl',
        'tagging',
        'x-ignore-a',
        'x-ignore',
        'x-amz-date',
        '',
        ' key',
      ),
      fc.string({ maxLength: 12 }).map(fieldName),
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 4 }), (names) => {
        const fields = Object.fromEntries([['key', 'k'], ...names.map((each) => [each, 'v'])]);
        fields.key = 'k';
        const expected = names.every(
          (each) =>
            free.has(each) || each.startsWith('x-ignore-') || each === 'key' || each === 'bucket',
        );
        assert.equal(allows([{ bucket: 'b' }, { key: 'k' }], fields), expected);
      }),
      { numRuns: 300 },
    );
  });

  test('a condition on a field that is not there does not hold, an empty prefix included', () => {
    assert.ok(!allows([{ bucket: 'b' }, ['starts-with', '$name', '']], {}));
    assert.ok(!allows([{ bucket: 'b' }, ['eq', '$name', '']], {}));
    assert.ok(allows([{ bucket: 'b' }, ['starts-with', '$name', '']], { name: '' }));
  });

  test('all length ranges hold', () => {
    const policy = policyOf([
      ['content-length-range', 2, 10],
      ['content-length-range', 4, 20],
    ]);
    for (const bytes of [4, 10]) {
      checkNotTooLarge(policy, bytes);
      checkNotTooSmall(policy, bytes);
    }
    assert.throws(() => checkNotTooLarge(policy, 11), failsWith('EntityTooLarge'));
    assert.throws(() => checkNotTooSmall(policy, 3), failsWith('EntityTooSmall'));
  });
});

test('names are compared by ASCII letters alone', () => {
  assert.equal(fieldName('Content-TYPE'), 'content-type');
  assert.equal(fieldName('\u212aey'), '\u212aey');
  assert.equal(fieldName('\u0130'), '\u0130');
});

test('nested without end it is refused like any other', () => {
  const depth = 100_000;
  const nested = `${'['.repeat(depth)}${']'.repeat(depth)}`;
  for (const document of [
    `{"expiration":"${expiration}","conditions":[${nested}]}`,
    `{"expiration":"${expiration}","conditions":[["eq",${nested},"x"]]}`,
    `{"expiration":"${expiration}","conditions":[["content-length-range",${nested},1]]}`,
    `{"expiration":${nested},"conditions":[]}`,
    nested,
  ]) {
    assert.throws(() => parsePostPolicy(encode(document)), failsWith('InvalidPolicyDocument'));
  }
});
