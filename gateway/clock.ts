/** Time and randomness, injected so that tests can hold them still. */
import { randomBytes, randomFillSync } from 'node:crypto';

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  randomBytes(count: number): Buffer;
}

/** Random bytes are drawn from the kernel by the page: a call for each id costs more than the id. */
const poolBytes = 4096;
const largestFromPool = 64;
const pool = Buffer.alloc(poolBytes);
let poolUsed = poolBytes;

/** Each byte of the pool is given out once, and wiped from it. */
function pooledRandomBytes(count: number): Buffer {
  if (count > largestFromPool) return randomBytes(count);
  if (poolUsed + count > poolBytes) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const slice = pool.subarray(poolUsed, poolUsed + count);
  poolUsed += count;
  const bytes = Buffer.from(slice);
  slice.fill(0);
  return bytes;
}

export const systemClock: Clock = { nowMs: () => Date.now(), randomBytes: pooledRandomBytes };
