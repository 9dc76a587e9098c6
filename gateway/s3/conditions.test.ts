import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkCopySource,
  checkDelete,
  checkRead,
  checkWrite,
  deleteConditions,
  parseDeleteConditions,
  type Validators,
  writeConditions,
} from './conditions.ts';
import { httpDate } from './dates.ts';
import { S3Error } from './errors.ts';
import { headersOf } from './headers.ts';

const modifiedMs = Date.UTC(2026, 0, 31, 12, 0, 0) + 789;
const object: Validators = { etag: 'abc', modifiedMs, size: 3 };
const at = httpDate(modifiedMs);
const before = httpDate(modifiedMs - 1000);
const after = httpDate(modifiedMs + 1000);

const headers = (record: Record<string, string>) => headersOf(Object.entries(record));

/** 'ok', or the code with the condition named in the error. */
function outcome(action: () => void): string {
  try {
    action();
    return 'ok';
  } catch (error) {
    assert.ok(error instanceof S3Error);
    const condition = error.fields.Condition;
    return condition === undefined ? error.code : `${error.code} ${condition}`;
  }
}

const read = (record: Record<string, string>) => outcome(() => checkRead(headers(record), object));

test('If-Match on reads: lists, quotes optional, *, weak tags never', () => {
  for (const value of ['"abc"', 'abc', '*', ' * ', '"x", "abc"', 'x,abc', '"a,b","abc"']) {
    assert.equal(read({ 'if-match': value }), 'ok', value);
  }
  for (const value of ['"x"', 'ABC', 'W/"abc"', '', '"abc,def"', '"ab"c']) {
    assert.equal(read({ 'if-match': value }), 'PreconditionFailed If-Match', value);
  }
});

test('If-None-Match on reads: 304, weak tags too', () => {
  for (const value of ['"abc"', 'abc', '*', 'W/"abc"', '"x", "abc"']) {
    assert.equal(read({ 'if-none-match': value }), 'NotModified', value);
  }
  assert.equal(read({ 'if-none-match': '"x"' }), 'ok');
});

test('dates are compared in seconds; an invalid date is as none', () => {
  assert.equal(read({ 'if-modified-since': at }), 'NotModified');
  assert.equal(read({ 'if-modified-since': after }), 'NotModified');
  assert.equal(read({ 'if-modified-since': before }), 'ok');
  assert.equal(read({ 'if-unmodified-since': at }), 'ok');
  assert.equal(read({ 'if-unmodified-since': after }), 'ok');
  assert.equal(read({ 'if-unmodified-since': before }), 'PreconditionFailed If-Unmodified-Since');
  assert.equal(read({ 'if-modified-since': 'x', 'if-unmodified-since': 'x' }), 'ok');
});

test('precedence of RFC 9110: an ETag condition hides the date condition beside it', () => {
  assert.equal(read({ 'if-match': 'abc', 'if-unmodified-since': before }), 'ok');
  assert.equal(read({ 'if-none-match': 'x', 'if-modified-since': after }), 'ok');
  assert.equal(read({ 'if-none-match': 'abc', 'if-modified-since': before }), 'NotModified');
  assert.equal(read({ 'if-match': 'x', 'if-none-match': 'abc' }), 'PreconditionFailed If-Match');
  assert.equal(read({ 'if-match': 'abc', 'if-none-match': 'abc' }), 'NotModified');
});

test('304 carries ETag, Last-Modified, version id', () => {
  assert.throws(
    () =>
      checkRead(headers({ 'if-none-match': '*' }), object, () => ({ 'x-amz-version-id': 'v1' })),
    (error) => {
      assert.ok(error instanceof S3Error);
      assert.equal(error.status, 304);
      assert.deepEqual(error.headers, {
        ETag: '"abc"',
        'Last-Modified': 'Sat, 31 Jan 2026 12:00:00 GMT',
        'x-amz-version-id': 'v1',
      });
      return true;
    },
  );
});

test('copy source conditions: whichever fails is 412', () => {
  const copy = (record: Record<string, string>) =>
    outcome(() => checkCopySource(headers(record), object));
  const name = 'x-amz-copy-source-';
  assert.equal(
    copy({ [`${name}if-match`]: '"abc"', [`${name}if-unmodified-since`]: before }),
    'ok',
  );
  assert.equal(copy({ [`${name}if-match`]: 'x' }), `PreconditionFailed ${name}If-Match`);
  assert.equal(
    copy({ [`${name}if-none-match`]: 'abc' }),
    `PreconditionFailed ${name}If-None-Match`,
  );
  assert.equal(
    copy({ [`${name}if-modified-since`]: after }),
    `PreconditionFailed ${name}If-Modified-Since`,
  );
  assert.equal(copy({ 'if-match': 'x' }), 'ok', 'a condition on the target');
});

const write = (record: Record<string, string>, current: Validators | undefined) =>
  outcome(() => checkWrite(writeConditions(headers(record)), current, 'k'));

test('PUT If-None-Match: * only where nothing is; an ETag works as the suite has it', () => {
  assert.equal(write({ 'if-none-match': '*' }, undefined), 'ok');
  assert.equal(write({ 'if-none-match': '*' }, object), 'PreconditionFailed If-None-Match');
  assert.equal(write({ 'if-none-match': '"abc"' }, object), 'PreconditionFailed If-None-Match');
  assert.equal(write({ 'if-none-match': '"x"' }, object), 'ok');
  assert.equal(write({}, object), 'ok');
});

test('PUT If-Match on an absent key: 404 NoSuchKey', () => {
  assert.equal(write({ 'if-match': '"abc"' }, undefined), 'NoSuchKey');
  assert.equal(write({ 'if-match': '*' }, undefined), 'NoSuchKey');
  assert.equal(write({ 'if-match': '"abc"' }, object), 'ok');
  assert.equal(write({ 'if-match': '*' }, object), 'ok');
  assert.equal(write({ 'if-match': '"x"' }, object), 'PreconditionFailed If-Match');
});

const remove = (
  record: Record<string, string>,
  current: Validators | 'delete-marker' | undefined,
) => outcome(() => checkDelete(deleteConditions(headers(record)), current, 'k'));

test('DELETE If-Match: absent 404, delete marker 412, as AWS describes conditional deletes', () => {
  assert.equal(remove({ 'if-match': '"abc"' }, object), 'ok');
  assert.equal(remove({ 'if-match': '*' }, object), 'ok');
  assert.equal(remove({ 'if-match': '"x"' }, object), 'PreconditionFailed If-Match');
  assert.equal(remove({ 'if-match': '*' }, undefined), 'NoSuchKey');
  assert.equal(remove({ 'if-match': '*' }, 'delete-marker'), 'PreconditionFailed If-Match');
  assert.equal(remove({}, undefined), 'ok');
  assert.equal(remove({}, 'delete-marker'), 'ok');
});

test('size and time conditions on deletes', () => {
  const size = 'x-amz-if-match-size';
  const time = 'x-amz-if-match-last-modified-time';
  assert.equal(remove({ [size]: '3', [time]: at }, object), 'ok');
  assert.equal(remove({ [size]: '4' }, object), `PreconditionFailed ${size}`);
  assert.equal(remove({ [time]: before }, object), `PreconditionFailed ${time}`);
  assert.equal(remove({ [time]: after }, object), `PreconditionFailed ${time}`);
  assert.equal(remove({ [time]: '2026-01-31T12:00:00Z' }, object), 'ok');
  assert.equal(remove({ [size]: '4', [time]: before }, undefined), 'ok', 'what is absent passes');
  assert.equal(remove({ [size]: '-1' }, object), 'InvalidArgument');
  assert.equal(remove({ [size]: '3x' }, object), 'InvalidArgument');
  assert.equal(remove({ [time]: 'now' }, object), 'InvalidArgument');
});

test('the same conditions come from the XML of DeleteObjects', () => {
  const texts = { etag: '"abc"', size: '3', modified: at };
  const conditions = parseDeleteConditions(texts);
  assert.equal(
    outcome(() => checkDelete(conditions, object, 'k')),
    'ok',
  );
  assert.equal(
    outcome(() => checkDelete(parseDeleteConditions({ ...texts, etag: 'x' }), object, 'k')),
    'PreconditionFailed If-Match',
  );
});
