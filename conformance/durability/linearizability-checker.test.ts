/** The checker of histories itself: a checker that accepts everything proves nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Action, isLinearizable, type Operation, type Value } from './linearizability.ts';

test('the checker accepts what overlaps and rejects what cannot be', () => {
  const at = (called: number, returned: number, action: Action): Operation => ({
    called,
    returned,
    action,
  });
  const write = (value: string): Action => ({ kind: 'write', value });
  const read = (found: Value): Action => ({ kind: 'read', found });
  const create = (value: string, succeeded: boolean): Action => ({
    kind: 'create',
    value,
    succeeded,
  });
  const replace = (expected: string, value: string, succeeded: boolean): Action => ({
    kind: 'replace',
    expected,
    value,
    succeeded,
  });
  assert.ok(isLinearizable([]));
  assert.ok(
    isLinearizable([at(0, 10, write('a')), at(1, 2, read(undefined)), at(3, 4, read('a'))]),
  );
  assert.ok(isLinearizable([at(0, 5, write('a')), at(1, 6, write('b')), at(7, 8, read('a'))]));
  assert.ok(isLinearizable([at(0, 5, create('a', true)), at(1, 6, create('b', false))]));
  // A read that goes back in time.
  assert.ok(
    !isLinearizable([at(0, 10, write('a')), at(1, 2, read('a')), at(3, 4, read(undefined))]),
  );
  // A write that nobody sees after it was acknowledged.
  assert.ok(!isLinearizable([at(0, 1, write('a')), at(2, 3, read(undefined))]));
  // Two creators that both won; two replacers of one value that both won.
  assert.ok(!isLinearizable([at(0, 5, create('a', true)), at(1, 6, create('b', true))]));
  assert.ok(
    !isLinearizable([
      at(0, 1, write('a')),
      at(2, 5, replace('a', 'b', true)),
      at(2, 5, replace('a', 'c', true)),
    ]),
  );
  // A replacer that lost although nothing else had happened.
  assert.ok(!isLinearizable([at(0, 1, write('a')), at(2, 3, replace('a', 'b', false))]));
});

test('a long history with many clients is decided quickly', () => {
  const history: Operation[] = [];
  for (let index = 0; index < 2000; index += 1) {
    const value = `value ${index}`;
    // Writers overlap in eights; each is followed by a read of its own value inside the overlap.
    history.push({
      called: index * 10,
      returned: index * 10 + 75,
      action: { kind: 'write', value },
    });
    history.push({
      called: index * 10 + 1,
      returned: index * 10 + 2,
      action: { kind: 'read', found: value },
    });
  }
  assert.ok(isLinearizable(history));
  history.push({
    called: 50_000,
    returned: 50_001,
    action: { kind: 'read', found: 'never written' },
  });
  assert.ok(!isLinearizable(history));
});
