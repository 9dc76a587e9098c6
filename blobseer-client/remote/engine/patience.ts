/** A manager that is being restarted is given some seconds, before the write that needs it is refused. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BlobSeerError } from '../../errors.ts';
import { RemoteError } from '../remote-error.ts';
import { managerPatienceMs, managerRetryMs } from './limits.ts';

export const isAway = (error: unknown): boolean =>
  error instanceof BlobSeerError && error.kind === 'unavailable';

/** It was not reached, so that nothing has happened. */
export const wasNotReached = (error: unknown): boolean =>
  isAway(error) && error instanceof RemoteError && !error.mayHaveRun;

/** Makes a call again while it fails in a way that `mayRepeat` lets pass. */
export async function patiently<Result>(
  call: () => Promise<Result>,
  mayRepeat: (error: unknown) => boolean,
): Promise<Result> {
  const untilMs = performance.now() + managerPatienceMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!mayRepeat(error) || performance.now() > untilMs) throw error;
      await sleep(managerRetryMs);
    }
  }
}
