/**
 * Between two turns: what a server left to do behind its last answer (bytes that it did not sync, files that it removes, its
 * store's own tidying) falls into the turn of the next one, which pays for it. So everybody begins on a quiet machine.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const windowMs = 250;
const quietShare = 0.1;
/** A machine that is never quiet is measured as it is. */
const longestMs = 10_000;

export async function settled(): Promise<void> {
  await promisify(execFile)('sync');
  const endMs = performance.now() + longestMs;
  let before = processorTicks();
  while (performance.now() < endMs) {
    await delay(windowMs);
    const now = processorTicks();
    if (now.busy - before.busy < quietShare * (now.all - before.all)) return;
    before = now;
  }
}

/** Of all cores, since the machine began; waiting for a disk is not busy. */
function processorTicks(): { readonly busy: number; readonly all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = line.trim().split(/ +/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, each) => sum + each, 0);
  const [, , , idle = 0, waiting = 0] = ticks;
  return { busy: all - idle - waiting, all };
}
