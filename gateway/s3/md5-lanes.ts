/**
 * MD5 of bodies that arrive at the same time, several at once (md5-kernel.ts says what that wins). Bytes are
 * collected per body; when one body's buffer is full, as much of it is hashed as others that have bytes
 * waiting can go along with. Nobody waits for anybody: a body that is alone is hashed alone, at once.
 */
import { createHash } from 'node:crypto';
import type { Digest } from './checksums.ts';
import {
  blockBytes,
  createMd5Kernel,
  initialState,
  type Lane,
  maxWidth,
  stateBytes,
} from './md5-kernel.ts';
import { hasVectors } from './wasm-assembler.ts';

/** A whole number of blocks. More than a body gets in one turn: it is full when the others had theirs, too. */
const bufferBytes = 256 * 1024;
/** Nobody goes along with less: a call would take longer than what it does. */
const worthwhileBlocks = 32;
/** Bodies shorter than this would hardly meet another one. */
const minLaneBytes = 256 * 1024;
/** Bodies at once; those above are digested apart, so that the memory is bounded: 16 MiB. */
const laneCount = 64;

/** The MD5 of a body. Who does not come to call `digest` calls `close`, which does no harm after it. */
export interface BodyMd5 extends Digest {
  close(): void;
}

/** Of the process; made for the first long body. */
let lanes: Md5Lanes | undefined;
/** Long bodies that are being digested in no lane. */
let apart = 0;

/** `length` of the body in bytes, where it is known. */
export function createBodyMd5(length: number | undefined): BodyMd5 {
  if (length !== undefined && length < minLaneBytes) return new ApartMd5(() => {});
  if (!hasVectors) return new ApartMd5(() => {});
  lanes ??= new Md5Lanes(laneCount);
  const lane = lanes.open();
  return lane === undefined ? longApart() : new LongMd5(lane, lanes);
}

function longApart(): ApartMd5 {
  apart++;
  return new ApartMd5(() => {
    apart--;
  });
}

class ApartMd5 implements BodyMd5 {
  readonly #hash = createHash('md5');
  #end: (() => void) | undefined;

  constructor(onEnd: () => void) {
    this.#end = onEnd;
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): Buffer {
    this.close();
    return this.#hash.digest();
  }

  close(): void {
    this.#end?.();
    this.#end = undefined;
  }
}

/**
 * Begins in a lane, whose buffer holds what arrives first. When that is full and nobody else has come, the body is
 * handed to OpenSSL, which is a sixth faster with a single one. Asking at the body's beginning would be too early:
 * those who begin together, as uploads do whose predecessors were answered together, would find the first alone.
 */
class LongMd5 implements BodyMd5 {
  readonly #lane: LaneMd5;
  readonly #lanes: Md5Lanes;
  #md5: BodyMd5;
  #isDecided = false;
  #length = 0;

  constructor(lane: LaneMd5, lanes: Md5Lanes) {
    this.#lane = lane;
    this.#md5 = lane;
    this.#lanes = lanes;
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    if (!this.#isDecided && this.#length > bufferBytes) this.#decide();
    this.#md5.update(bytes);
  }

  #decide(): void {
    this.#isDecided = true;
    if (apart > 0 || this.#lanes.runningCount > 1) return;
    const beginning = this.#lane.unhashed;
    if (beginning === undefined) return;
    this.#md5 = longApart();
    this.#md5.update(beginning);
    this.#lane.close();
  }

  digest(): Buffer {
    return this.#md5.digest();
  }

  close(): void {
    this.#md5.close();
  }
}

/** Memory for some bodies at a time. */
export class Md5Lanes {
  readonly #kernel;
  readonly #free: number[] = [];
  readonly #running = new Set<LaneMd5>();

  constructor(count: number) {
    // Buffers lie a block more apart: at the same place in each, bytes would compete for the same cache lines.
    const laneBytes = blockBytes + bufferBytes;
    this.#kernel = createMd5Kernel(count * laneBytes);
    for (let lane = count - 1; lane >= 0; lane--) {
      this.#free.push(this.#kernel.freeFrom + lane * laneBytes);
    }
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Undefined while all lanes are taken. A lane is given back by `digest`, or else by `close`. */
  open(): LaneMd5 | undefined {
    const state = this.#free.pop();
    if (state === undefined) return undefined;
    const lane = new LaneMd5(this.#kernel.memory, state, {
      advance: (own) => this.#advance(own),
      end: (own) => {
        if (this.#running.delete(own)) this.#free.push(state);
      },
    });
    this.#running.add(lane);
    return lane;
  }

  /** Hashes at least a block of a lane that has one, and of others what goes along. */
  #advance(own: LaneMd5): void {
    const batch = [own];
    if (own.readyBlocks >= worthwhileBlocks && this.#running.size > 1) {
      const others = [...this.#running].filter(
        (lane) => lane !== own && lane.readyBlocks >= worthwhileBlocks,
      );
      others.sort((one, other) => other.readyBlocks - one.readyBlocks);
      batch.push(...others.slice(0, maxWidth - 1));
    }
    const blocks = Math.min(...batch.map((lane) => lane.readyBlocks));
    this.#kernel.hash(batch, blocks);
    for (const lane of batch) lane.hashed(blocks);
  }
}

interface Turns {
  advance(lane: LaneMd5): void;
  end(lane: LaneMd5): void;
}

/** A running MD5. Its memory is the running value, and a ring of bytes behind it that wait to be hashed. */
export class LaneMd5 implements BodyMd5, Lane {
  readonly state: number;
  readonly #memory: Uint8Array;
  readonly #turns: Turns;
  /** Where in the ring the next block begins. */
  #from = 0;
  #waitingBytes = 0;
  #length = 0;

  constructor(memory: Uint8Array, state: number, turns: Turns) {
    this.#memory = memory;
    this.state = state;
    this.#turns = turns;
    memory.set(initialState, state);
  }

  get data(): number {
    return this.#ring + this.#from;
  }

  /** Blocks that lie one behind the other. */
  get readyBlocks(): number {
    return Math.floor(Math.min(this.#waitingBytes, bufferBytes - this.#from) / blockBytes);
  }

  /** All bytes of the body; undefined where some were hashed, going along with others perhaps. */
  get unhashed(): Uint8Array | undefined {
    if (this.#waitingBytes < this.#length) return undefined;
    return this.#memory.subarray(this.#ring, this.#ring + this.#waitingBytes);
  }

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    for (let at = 0; at < bytes.length; ) {
      if (this.#waitingBytes === bufferBytes) this.#turns.advance(this);
      const to = (this.#from + this.#waitingBytes) % bufferBytes;
      const room = Math.min(bufferBytes - this.#waitingBytes, bufferBytes - to);
      const part = at === 0 && bytes.length <= room ? bytes : bytes.subarray(at, at + room);
      this.#memory.set(part, this.#ring + to);
      this.#waitingBytes += part.length;
      at += part.length;
    }
  }

  digest(): Buffer {
    this.update(padding(this.#length));
    while (this.#waitingBytes > 0) this.#turns.advance(this);
    const digest = Buffer.from(this.#memory.subarray(this.state, this.state + stateBytes));
    this.close();
    return digest;
  }

  close(): void {
    this.#turns.end(this);
  }

  hashed(blocks: number): void {
    this.#from = (this.#from + blocks * blockBytes) % bufferBytes;
    this.#waitingBytes -= blocks * blockBytes;
  }

  get #ring(): number {
    return this.state + blockBytes;
  }
}

/** A one bit, zeros, and the length in bits as 64 bits, up to a whole block. */
function padding(length: number): Uint8Array {
  const lengthBytes = 8;
  const padded = Math.ceil((length + 1 + lengthBytes) / blockBytes) * blockBytes;
  const bytes = Buffer.alloc(padded - length);
  bytes[0] = 0x80;
  bytes.writeBigUInt64LE(BigInt(length) * 8n, bytes.length - lengthBytes);
  return bytes;
}
