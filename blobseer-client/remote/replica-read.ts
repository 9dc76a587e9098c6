/**
 * Reading values that several servers keep: what one lacks is asked of the next, and what one has not answered
 * soon as well, while it may answer still. So one that is slow costs little, and is not given up for
 * one that is dead.
 */
import type { CallOptions } from './transport.ts';

export interface ReplicaRead<Value> {
  /** For each value the servers that may have it, those to be asked first in front. */
  readonly places: readonly (readonly number[])[];
  /** In one call. */
  readonly maxBatch: number;
  /** One that has not answered by then gets company. */
  readonly slowMs: number;
  /** Asks a server for the values at these positions; undefined for those that it lacks. */
  ask(
    server: number,
    positions: readonly number[],
    signal: AbortSignal,
  ): Promise<readonly (Value | undefined)[]>;
  /** It failed, or is slow. */
  suspect(server: number): void;
}

/** Made once. */
const notNeeded = new Error('others were faster');

/** Undefined for what all servers lack; throws where one that could not be asked may have it. */
export async function readReplicas<Value>(
  { places, maxBatch, slowMs, ask, suspect }: ReplicaRead<Value>,
  { signal }: CallOptions = {},
): Promise<(Value | undefined)[]> {
  const values = new Array<Value | undefined>(places.length).fill(undefined);
  const failures = new Map<number, unknown>();
  const ended = new AbortController();
  const onAbort = (): void => ended.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', onAbort, { once: true });
  let missing = places.length;
  let setComplete: () => void = () => undefined;
  const complete = new Promise<void>((resolve) => {
    setComplete = resolve;
  });

  const askOne = async (server: number, positions: readonly number[]): Promise<void> => {
    const timer = setTimeout(() => suspect(server), slowMs);
    try {
      const found = await ask(server, positions, ended.signal);
      for (const [index, position] of positions.entries()) {
        if (found[index] === undefined || values[position] !== undefined) continue;
        values[position] = found[index];
        missing--;
      }
      if (missing === 0) setComplete();
    } catch (error) {
      if (ended.signal.aborted) return;
      suspect(server);
      for (const position of positions) failures.set(position, error);
    } finally {
      clearTimeout(timer);
    }
  };

  const asked: Promise<unknown>[] = [];
  const replicas = Math.max(0, ...places.map(({ length }) => length));
  try {
    for (let replica = 0; replica < replicas && missing > 0; replica++) {
      const open = new Map<number, number[]>();
      for (const [position, servers] of places.entries()) {
        const server = servers[replica];
        if (server !== undefined && values[position] === undefined) append(open, server, position);
      }
      const asking = batches(open, maxBatch).map((batch) => askOne(...batch));
      asked.push(...asking);
      const isLast = replica === replicas - 1;
      const turn = isLast ? Promise.all(asked) : soonest(Promise.all(asking), slowMs);
      await Promise.race([turn, complete]);
      signal?.throwIfAborted();
    }
  } finally {
    ended.abort(notNeeded);
    signal?.removeEventListener('abort', onAbort);
  }
  for (const [position, value] of values.entries()) {
    if (value === undefined && failures.has(position)) throw failures.get(position);
  }
  return values;
}

/** Resolves with it, or when it has taken too long. */
async function soonest(work: Promise<unknown>, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, withinMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

function batches(
  lists: ReadonlyMap<number, readonly number[]>,
  maxBatch: number,
): [server: number, positions: readonly number[]][] {
  return [...lists].flatMap(([server, all]) =>
    Array.from(
      { length: Math.ceil(all.length / maxBatch) },
      (_, index): [number, readonly number[]] => [
        server,
        all.slice(index * maxBatch, (index + 1) * maxBatch),
      ],
    ),
  );
}

function append(lists: Map<number, number[]>, index: number, value: number): void {
  const list = lists.get(index);
  if (list === undefined) lists.set(index, [value]);
  else list.push(value);
}
