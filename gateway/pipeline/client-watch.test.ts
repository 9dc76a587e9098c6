import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClientWatch, type Every } from './client-watch.ts';

const longestMs = 800;

/** A timer that goes when it is told to, by the millisecond. */
class Time {
  nowMs = 0;
  private next: { atMs: number; readonly ms: number; readonly look: () => void } | undefined;

  readonly every: Every = (ms, look) => {
    assert.equal(this.next, undefined, 'two timers');
    this.next = { atMs: this.nowMs + ms, ms, look };
    return () => {
      this.next = undefined;
    };
  };

  get isRunning(): boolean {
    return this.next !== undefined;
  }

  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 1) {
      this.nowMs += 1;
      if (this.next === undefined || this.next.atMs > this.nowMs) continue;
      this.next.atMs += this.next.ms;
      this.next.look();
    }
  }
}

class Wait {
  idleAtMs: number | undefined;
  private readonly time: Time;

  constructor(time: Time) {
    this.time = time;
  }

  idle(): void {
    assert.equal(this.idleAtMs, undefined, 'told twice');
    this.idleAtMs = this.time.nowMs;
  }
}

test('who waits for too long is told so once, not before and soon after', () => {
  const time = new Time();
  const watch = new ClientWatch(longestMs, time.every);
  const waits: { readonly wait: Wait; readonly beganMs: number }[] = [];
  for (let step = 0; step < 100; step += 1) {
    const wait = new Wait(time);
    watch.begin(wait);
    waits.push({ wait, beganMs: time.nowMs });
    time.pass(37);
  }
  time.pass(2 * longestMs);
  for (const { wait, beganMs } of waits) {
    assert.ok(wait.idleAtMs !== undefined);
    const waitedMs = wait.idleAtMs - beganMs;
    assert.ok(waitedMs >= longestMs && waitedMs <= (longestMs * 9) / 8, `${waitedMs} ms`);
  }
  assert.ok(!time.isRunning, 'the timer rests while nobody waits');
});

test('who got what he waited for hears nothing, and may wait again', () => {
  const time = new Time();
  const watch = new ClientWatch(longestMs, time.every);
  const wait = new Wait(time);
  for (let round = 0; round < 5; round += 1) {
    watch.begin(wait);
    time.pass(longestMs - 1);
    watch.end(wait);
    time.pass(round * longestMs);
  }
  assert.equal(wait.idleAtMs, undefined);
  watch.begin(wait);
  time.pass(2 * longestMs);
  assert.notEqual(wait.idleAtMs, undefined);
  watch.end(wait);
});

test('who ends the wait of another is told alone', () => {
  const time = new Time();
  const watch = new ClientWatch(longestMs, time.every);
  const told: number[] = [];
  const waits = [0, 1, 2, 3].map((number) => ({
    idle: () => {
      told.push(number);
      if (number === 1) watch.end(waits[2]!);
    },
  }));
  for (const wait of waits) watch.begin(wait);
  time.pass(2 * longestMs);
  assert.deepEqual(told, [0, 1, 3]);
});
