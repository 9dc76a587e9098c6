import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteBudget } from './byte-budget.ts';

const limit = 100;

/** Whether a promise has resolved, once all that can happen has happened. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return done;
}

test('who comes first is served first, though another would fit', async () => {
  const budget = new ByteBudget(limit);
  await budget.take(60);
  const large = budget.take(50);
  const small = budget.take(10);
  assert.equal(await isDone(large), false);
  assert.equal(await isDone(small), false);
  budget.give(60);
  assert.equal(await isDone(large), true);
  assert.equal(await isDone(small), true);
});

test('what is larger than all of it gets it alone, and is not passed by for ever', async () => {
  const budget = new ByteBudget(limit);
  await budget.take(10);
  const huge = budget.take(5 * limit);
  const next = budget.take(1);
  assert.equal(await isDone(huge), false);
  budget.give(10);
  assert.equal(await isDone(huge), true);
  assert.equal(await isDone(next), false);
  budget.give(5 * limit);
  assert.equal(await isDone(next), true);
});

test('never more than the limit is out, and everybody gets their turn in order', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 2 * limit }), { minLength: 1, maxLength: 50 });
  const order = fc.infiniteStream(fc.nat());
  await fc.assert(
    fc.asyncProperty(sizes, order, async (wanted, picks) => {
      const budget = new ByteBudget(limit);
      const out: number[] = [];
      const served: number[] = [];
      const waiting = wanted.map((bytes, index) =>
        budget.take(bytes).then(() => {
          out.push(bytes);
          served.push(index);
        }),
      );
      while (served.length < wanted.length || out.length > 0) {
        await new Promise((resolve) => setImmediate(resolve));
        const sum = out.reduce((total, bytes) => total + bytes, 0);
        assert.ok(sum <= limit || out.length === 1, `${sum} bytes are out`);
        assert.ok(out.length > 0, 'nobody has any, and somebody waits');
        const [given] = out.splice(picks.next().value! % out.length, 1);
        budget.give(given!);
      }
      await Promise.all(waiting);
      assert.deepEqual(
        served,
        wanted.map((_, index) => index),
      );
    }),
    { numRuns: 50 },
  );
});
