/** Checkpoints at regular times, of which the newest few are kept. */
import { setTimeout as sleep } from 'node:timers/promises';
import { deleteCheckpoints } from './delete.ts';
import type { Place } from './place.ts';

/** Deletes all but the newest. */
export async function keepNewest(place: Place, count: number): Promise<readonly number[]> {
  const { epochs } = await deleteCheckpoints(place, (all) => all.slice(0, -count));
  return epochs;
}

export interface ScheduleOptions {
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly nowMs: () => number;
  /** Makes a checkpoint and deletes old ones. */
  readonly run: () => Promise<void>;
  /** The next one is tried all the same. */
  readonly onFailed: (error: unknown) => void;
}

/** Until `signal`; what is under way then is ended. The first at once; times that a long one has passed are left out. */
export async function schedule(options: ScheduleOptions): Promise<void> {
  const { everyMs, signal, nowMs, run, onFailed } = options;
  for (let dueMs = nowMs(); !signal.aborted; ) {
    await run().catch(onFailed);
    const lateMs = Math.max(0, nowMs() - dueMs);
    dueMs += (Math.floor(lateMs / everyMs) + 1) * everyMs;
    await sleep(dueMs - nowMs(), undefined, { signal }).catch(() => undefined);
  }
}
