/** Time and randomness, injected so that tests can hold them still. */
import { randomBytes } from 'node:crypto';

export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  randomBytes(count: number): Buffer;
}

export const systemClock: Clock = { nowMs: () => Date.now(), randomBytes };
