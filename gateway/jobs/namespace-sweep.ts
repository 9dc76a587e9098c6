/**
 * Removes what ended uploads and deleted buckets left behind, slice by slice, in the one process that
 * cleans up. Requests come between the slices.
 */
import type { Namespace } from '../namespace/namespace.ts';

export const sweepEveryMs = 2000;

export interface Sweeper {
  /** Resolves when the running pass has ended. */
  stop(): Promise<void>;
}

export function startNamespaceSweep(
  namespace: Pick<Namespace, 'sweep'>,
  onError: (error: unknown) => void,
  everyMs: number = sweepEveryMs,
): Sweeper {
  let isStopped = false;
  let running: Promise<void> = Promise.resolve();
  const pass = async () => {
    try {
      while (!isStopped && (await namespace.sweep())) await new Promise(setImmediate);
    } catch (error) {
      onError(error);
    }
    if (!isStopped) timer = setTimeout(begin, everyMs);
  };
  const begin = () => {
    running = pass();
  };
  let timer = setTimeout(begin, 0);
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
      return running;
    },
  };
}
