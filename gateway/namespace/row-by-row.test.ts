/** Walks over tables that are damaged: they end, and say what they met. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RangeQuery, Table } from '../../blobseer-client/index.ts';
import { keysOf, RowByRow } from './row-by-row.ts';
import { MemoryStore } from './testing/memory-store.ts';

/** Finds its keys as they stand, in whatever order: where the first is that does not stand before `start`. */
function disordered(keys: readonly string[]): Table {
  const all = keys.map((key) => ({ key: Buffer.from(key), value: Buffer.from('value') }));
  const range = ({ start, limit }: RangeQuery) => {
    const first = start ? all.findIndex(({ key }) => key.compare(start) >= 0) : 0;
    return first < 0 ? [] : all.slice(first, first + limit);
  };
  return Object.assign(new MemoryStore().table('disordered'), {
    range,
    keys: (query: RangeQuery) => range(query).map(({ key }) => key),
  });
}

function walked(table: Table): { seen: string[]; problems: string[] } {
  const seen: string[] = [];
  const findings = new RowByRow().of(table, String, function* ({ key }) {
    seen.push(key.toString());
    yield* [];
  });
  return { seen, problems: [...findings].map(({ problem }) => problem) };
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, number) => `key-${String(number).padStart(5, '0')}`);

test('each row once, whatever their number', () => {
  for (const count of [0, 1, 499, 500, 501, 998, 999, 1000, 1001, 2500]) {
    const keys = numbered(count);
    assert.deepEqual(walked(disordered(keys)), { seen: keys, problems: [] });
    assert.deepEqual([...keysOf(disordered(keys))].map(String), keys);
  }
});

test('keys that do not rise end a walk where it would begin again, and are told once', () => {
  for (const count of [3, 499, 998, 1200]) {
    const keys = [...numbered(count), 'Key-behind-all', 'Key-behind-that'];
    const { seen, problems } = walked(disordered(keys));
    assert.ok(seen.length >= count && seen.length <= count + 2);
    assert.deepEqual(problems, ['Key-behind-all: the keys of table disordered are out of order']);
    assert.ok([...keysOf(disordered(keys))].length <= keys.length + 500);
  }
});

test('damage is told of a key, too, that no name can be made of', () => {
  const nameless = () => {
    throw new RangeError('too short');
  };
  const findings = new RowByRow().of(disordered(['b', 'a']), nameless, () => []);
  assert.deepEqual(
    [...findings],
    [{ problem: 'row 61 of table disordered: the keys of table disordered are out of order' }],
  );
});

test('what is listed and not found is damage; an error that is none goes on', () => {
  const table = disordered(['a', 'b']);
  const failing = (error: Error) =>
    walked(
      Object.assign(table, {
        range() {
          throw error;
        },
        get: (key: Buffer) => (key.equals(Buffer.from('a')) ? Buffer.from('value') : undefined),
      }),
    );
  assert.deepEqual(failing(new RangeError('too short')), {
    seen: ['a'],
    problems: ['b: record 62 of table disordered is not found'],
  });
  assert.throws(() => failing(new TypeError('a mistake')), /a mistake/);
});
