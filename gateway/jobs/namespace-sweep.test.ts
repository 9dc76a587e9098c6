import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startNamespaceSweep } from './namespace-sweep.ts';

const soonMs = 1;

test('slices follow each other while more is left, passes go on after an error', async () => {
  const slices: string[] = [];
  const errors: unknown[] = [];
  const plan: (boolean | Error)[] = [true, true, false, new Error('busy'), true, false];
  await new Promise<void>((done) => {
    const sweeper = startNamespaceSweep(
      {
        async sweep() {
          const step = plan.shift();
          slices.push(String(step));
          if (plan.length === 0) void sweeper.stop().then(done);
          if (step instanceof Error) throw step;
          return step ?? false;
        },
      },
      (error) => errors.push(error),
      soonMs,
    );
  });
  assert.deepEqual(slices, ['true', 'true', 'false', 'Error: busy', 'true', 'false']);
  assert.equal(errors.length, 1);
});

test('stop waits for the running slice and starts no other', async () => {
  let running = 0;
  let slices = 0;
  const sweeper = startNamespaceSweep(
    {
      async sweep() {
        slices += 1;
        running += 1;
        await new Promise((resolve) => setTimeout(resolve, 20));
        running -= 1;
        return true;
      },
    },
    (error) => assert.fail(String(error)),
    soonMs,
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  await sweeper.stop();
  assert.equal(running, 0);
  const before = slices;
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(slices, before);
});
