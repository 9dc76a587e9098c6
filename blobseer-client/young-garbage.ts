/**
 * Node keeps every piece that a socket receives in memory of its own, outside V8's heap. V8 counts these bytes
 * as growth of its old generation until a collection finds the pieces dead, and so it marks the whole heap again
 * and again while large bodies arrive: a third of their CPU. But pieces die young, and collecting the young
 * generation, which takes about a millisecond, frees them. V8 does that by itself only once so many objects were
 * made, and a large body makes few.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Not much oftener: what is under way would be found alive twice, and be taken for old. */
const collectEveryBytes = 8 * 2 ** 20;
/**
 * How far V8's old generation may grow beyond what was alive before it is marked. By itself V8 allows a heap
 * that was cleaned in a quiet moment 8 MiB, which is less than what is under way and may be dead together.
 */
const growthPercent = 200;

let uncollectedBytes = 0;
let collectYoung: (() => void) | undefined;

/** To be told of all bytes that sockets receive, whoever holds them. */
export function countReceived(bytes: number): void {
  uncollectedBytes += bytes;
  if (uncollectedBytes < collectEveryBytes) return;
  uncollectedBytes = 0;
  collectYoung ??= youngCollector();
  collectYoung();
}

/** Contexts that are made while V8's flag is set have a `gc`; nobody else is given one. */
function youngCollector(): () => void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('globalThis.gc') as NodeJS.GCFunction | undefined;
  setFlagsFromString('--no-expose-gc');
  return () => void collect?.({ type: 'minor' });
}
