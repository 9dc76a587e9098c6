/** A manager that is being restarted is given some seconds, before the write that needs it is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../errors.ts';
import { RemoteError } from '../remote-error.ts';
import type { RemoteTimings } from './limits.ts';

export const isAway = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'unavailable';

/** It was not reached, so that nothing has happened. */
export const wasNotReached = (error: unknown): boolean =>
  isAway(error) && error instanceof RemoteError && !error.mayHaveRun;

export class Patience {
  readonly #timings: RemoteTimings;

  constructor(timings: RemoteTimings) {
    this.#timings = timings;
  }

  /** Makes a call again while it fails in a way that `mayRepeat` lets pass. */
  async repeat<Result>(
    call: () => Promise<Result>,
    mayRepeat: (error: unknown) => boolean,
  ): Promise<Result> {
    const untilMs = performance.now() + this.#timings.managerPatienceMs;
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!mayRepeat(error) || performance.now() > untilMs) throw error;
        await sleep(this.#timings.managerRetryMs);
      }
    }
  }
}
