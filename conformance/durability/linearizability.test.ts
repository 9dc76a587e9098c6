/**
 * Many clients, few keys, two worker processes: every read, write, conditional write, delete and
 * listing of a key must fit one order (I5).
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRfc3986 } from '../harness/http.ts';
import { openTarget } from '../harness/target.ts';
import { textOf } from '../harness/xml.ts';
import { type Action, isLinearizable, type Operation, type Value } from './linearizability.ts';
import { chooseSeed, SeededRandom } from './seeded-random.ts';

const s3 = await openTarget({ workers: 2 });
const clients = 8;
const keyCount = 4;
const operationsPerClient = 60;

test('conditional writes, writes, deletes, reads and listings of a key fit one order', async (t) => {
  const seed = chooseSeed();
  t.diagnostic(`seed ${seed}`);
  const random = new SeededRandom(seed);
  const bucket = await s3.makeBucket();
  const histories = new Map<string, Operation[]>();
  for (let index = 0; index < keyCount; index += 1) histories.set(`key ${index}`, []);
  let values = 0;

  async function client(own: SeededRandom): Promise<void> {
    const lastSeen = new Map<string, Value>();
    for (let round = 0; round < operationsPerClient; round += 1) {
      const key = own.pick([...histories.keys()]);
      values += 1;
      const value = `value ${values} of ${key}${'.'.repeat(own.pick([0, 10, 100_000]))}`;
      const called = performance.now();
      const action = await act(own, key, value, lastSeen);
      const returned = performance.now();
      if (action !== 'refused') histories.get(key)?.push({ action, called, returned });
    }
  }

  async function act(
    own: SeededRandom,
    key: string,
    value: string,
    lastSeen: Map<string, Value>,
  ): Promise<Action | 'refused'> {
    const seen = lastSeen.get(key);
    const choice = own.next();
    const remember = (etag: Value) => {
      lastSeen.set(key, etag);
      return etag;
    };
    if (choice < 0.25) {
      const answer = await s3.get(bucket, key);
      if (answer.status === 404) return { kind: 'read', found: remember(undefined) };
      assert.equal(answer.status, 200, answer.text);
      return { kind: 'read', found: remember(answer.headers.etag) };
    }
    if (choice < 0.35) {
      const path = `/${bucket}?list-type=2&prefix=${encodeRfc3986(key)}`;
      const answer = await s3.send({ path });
      assert.equal(answer.status, 200, answer.text);
      return { kind: 'read', found: remember(textOf(answer.text, 'ETag')) };
    }
    if (choice < 0.45) {
      const answer = await s3.delete(bucket, key);
      assert.equal(answer.status, 204, answer.text);
      return { kind: 'delete' };
    }
    const isCreate = seen === undefined ? choice < 0.8 : choice < 0.5;
    const isReplace = !isCreate && seen !== undefined && choice < 0.9;
    const condition: Record<string, string> = isCreate
      ? { 'If-None-Match': '*' }
      : isReplace
        ? { 'If-Match': seen }
        : {};
    const answer = await s3.put(bucket, key, value, condition);
    // 409 ConditionalRequestConflict: refused without a verdict on the condition; nothing was done.
    if (answer.status === 409) return 'refused';
    const succeeded = answer.status === 200;
    const etag = answer.headers.etag ?? '';
    if (succeeded) remember(etag);
    if (isCreate) {
      assert.ok(succeeded || answer.status === 412, answer.text);
      return { kind: 'create', value: etag, succeeded };
    }
    if (isReplace) {
      assert.ok(succeeded || [404, 412].includes(answer.status), answer.text);
      return { kind: 'replace', expected: seen, value: etag, succeeded };
    }
    assert.ok(succeeded, answer.text);
    return { kind: 'write', value: etag };
  }

  await Promise.all(Array.from({ length: clients }, () => client(random.fork())));
  let conditional = 0;
  for (const [key, history] of histories) {
    assert.ok(isLinearizable(history), `${key}: no order explains ${history.length} operations`);
    conditional += history.filter(({ action }) => 'succeeded' in action && action.succeeded).length;
  }
  assert.ok(conditional > 10, `only ${conditional} conditional writes succeeded`);
});
