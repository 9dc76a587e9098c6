/** The calls that only entities have. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entityCalls } from './entity-calls.ts';

const { hello, statistics } = entityCalls;
const text = (value: string): Buffer[] => [Buffer.from(value)];
const corrupt = { kind: 'corrupt' };

test('HELLO carries a raw number, and a description back', () => {
  const parameters = hello.encodeRequest(1, 18).map((bytes) => Buffer.from(bytes));
  assert.deepEqual(parameters, [Buffer.from('01000000', 'hex')]);
  assert.equal(hello.decodeRequest(parameters), 1);
  const said = { role: 'data-provider', extensions: 1, version: '0.1.0' };
  const results = hello.encodeAnswer(said, 18).map((bytes) => Buffer.from(bytes));
  assert.equal(
    String(results[0]),
    '{"role":"data-provider","extensions":1,"version":"0.1.0"}',
    'as others of its kind expect it',
  );
  const later = text('{"role":"x","extensions":2,"version":"9","more":[]}');
  assert.deepEqual(hello.decodeAnswer(results, 1), said);
  assert.deepEqual(hello.decodeAnswer(later, 1), { role: 'x', extensions: 2, version: '9' });
  for (const parameters of [
    [],
    [Buffer.alloc(3)],
    [Buffer.alloc(44)],
    [Buffer.alloc(4), Buffer.alloc(4)],
  ]) {
    assert.throws(() => hello.decodeRequest(parameters), corrupt);
  }
});

test('STATISTICS is an object of plain values', () => {
  assert.deepEqual(statistics.encodeRequest(undefined, 18), []);
  const numbers = { pages: 7, isFull: false, role: 'x' };
  const results = statistics.encodeAnswer(numbers, 18).map((bytes) => Buffer.from(bytes));
  assert.deepEqual(statistics.decodeAnswer(results, undefined), numbers);
  for (const wrong of ['[]', 'null', '7', '{"a":{}}', '{"a":null}', '{']) {
    assert.throws(() => statistics.decodeAnswer(text(wrong), undefined), corrupt, wrong);
  }
});
