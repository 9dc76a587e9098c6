/**
 * The framing of BlobSeer's RPC, bytes only: no sockets, no meaning.
 *
 *   u32 name | u32 count | i32 status | count times (u32 length | bytes)      all little endian
 *
 * A request and its answer look alike; an answer echoes the request's name. There is no magic number,
 * no request id and no checksum, so limits on counts and lengths are what tells garbage from a frame.
 */
import { BlobSeerError } from '../../errors.ts';

export const headerBytes = 12;
const lengthBytes = 4;
const maxU32 = 0xffff_ffff;
/** Items up to this size are copied next to their lengths; larger ones go out as they are. */
const copyUpToBytes = 4096;
/** Less than that of an item is not worth a receive of its own. */
const directBytes = 16 * 1024;
/** What a length alone gets; room for more is made as bytes arrive, for a length is only a promise. */
const firstRoomBytes = 1024 * 1024;
const nothing = Buffer.alloc(0);

export interface Frame {
  /** The number of the call. */
  readonly name: number;
  /** 0 in requests. */
  readonly status: number;
  /** Parameters of a request, results of an answer. May be slices of a larger buffer. */
  readonly items: readonly Buffer[];
}

/** A value in pieces, as it arrived: joining them would take its bytes once more. */
export class Pieces {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;

  constructor(pieces: readonly Uint8Array[]) {
    this.pieces = pieces;
    this.length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }
}

/** What a reader is ready to take; all that goes beyond is refused as `corrupt`. */
export interface FrameLimits {
  readonly maxItems: number;
  readonly maxItemBytes: number;
  /** Bytes of all items together. */
  readonly maxBytes: number;
}

/**
 * A request as buffers to be sent in one write. Throws `invalid-argument` for an empty parameter: the
 * original's servers end with an uncaught exception when they take a value out of one.
 */
export function encodeRequest(
  name: number,
  parameters: readonly (Uint8Array | Pieces)[],
): Buffer[] {
  const empty = parameters.findIndex((parameter) => parameter.length === 0);
  if (empty >= 0) {
    throw new BlobSeerError('invalid-argument', `parameter ${empty} of call ${name} is empty`);
  }
  return encodeFrame(name, 0, parameters);
}

/** An answer as buffers to be sent in one write. A result may be empty: a missing key. */
export function encodeAnswer(
  name: number,
  status: number,
  results: readonly Uint8Array[],
): Buffer[] {
  return encodeFrame(name, status, results);
}

function encodeFrame(
  name: number,
  status: number,
  items: readonly (Uint8Array | Pieces)[],
): Buffer[] {
  let smallBytes = headerBytes + items.length * lengthBytes;
  for (const { length } of items) {
    if (length > maxU32) {
      throw new BlobSeerError(
        'invalid-argument',
        `a value of ${length} bytes does not fit a frame`,
      );
    }
    if (length <= copyUpToBytes) smallBytes += length;
  }
  const small = Buffer.allocUnsafe(smallBytes);
  small.writeUInt32LE(name, 0);
  small.writeUInt32LE(items.length, 4);
  small.writeInt32LE(status, 8);
  const buffers: Buffer[] = [];
  let start = 0;
  let end = headerBytes;
  for (const item of items) {
    end = small.writeUInt32LE(item.length, end);
    const pieces = item instanceof Pieces ? item.pieces : [item];
    if (item.length <= copyUpToBytes) {
      for (const piece of pieces) {
        small.set(piece, end);
        end += piece.length;
      }
      continue;
    }
    buffers.push(small.subarray(start, end), ...pieces.map(asBuffer));
    start = end;
  }
  if (end > start) buffers.push(small.subarray(start, end));
  return buffers;
}

function asBuffer(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Takes a stream of bytes in any pieces and gives its frames. `limitsOf` is asked with the name and the
 * status of each frame before anything of it is kept, and may throw. A decoder that threw is of no more use.
 */
export class FrameDecoder {
  readonly #limitsOf: (name: number, status: number) => FrameLimits;
  /** Header or length under way; both are small, so their pieces are copied. */
  readonly #small = Buffer.allocUnsafe(headerBytes);
  #smallFilled = 0;
  #name = 0;
  #status = 0;
  #limits: FrameLimits | undefined;
  /** Items of the frame under way that are still to come. */
  #missing = 0;
  #items: Buffer[] = [];
  #bytes = 0;
  /** Bytes of the item under way; undefined while its length is. */
  #length: number | undefined;
  #item: Buffer | undefined;
  #itemFilled = 0;

  constructor(limitsOf: (name: number, status: number) => FrameLimits) {
    this.#limitsOf = limitsOf;
  }

  /** True between frames: nothing of a next one has arrived. */
  get isIdle(): boolean {
    return this.#limits === undefined && this.#smallFilled === 0;
  }

  /**
   * Where the next bytes of a large item belong, so that they can be received there and need not be
   * copied: then call `advance` instead of `push`. Undefined when they are to be pushed.
   */
  get openItem(): Buffer | undefined {
    const left = (this.#item?.length ?? 0) - this.#itemFilled;
    return left < directBytes ? undefined : this.#item?.subarray(this.#itemFilled);
  }

  /** So many bytes of `openItem` have been filled. Returns the frames that they complete. */
  advance(bytes: number): Frame[] {
    if (this.#item === undefined || bytes > this.#item.length - this.#itemFilled) {
      throw new RangeError(`${bytes} bytes are more than the open item has room for`);
    }
    this.#filled(this.#item, bytes);
    return this.push(nothing);
  }

  /** The frames that `chunk` completes. Keeps slices of it: it must not be written to afterwards. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      if (this.#limits === undefined) {
        at = this.#fillSmall(chunk, at, headerBytes);
        if (this.#smallFilled < headerBytes) return frames;
        this.#beginFrame();
      } else if (this.#missing === 0) {
        frames.push(this.#endFrame());
      } else if (this.#length === undefined) {
        at = this.#fillSmall(chunk, at, lengthBytes);
        if (this.#smallFilled < lengthBytes) return frames;
        this.#beginItem(this.#limits);
      } else {
        at = this.#fillItem(chunk, at, this.#length);
        if (this.#length !== undefined) return frames;
      }
    }
  }

  #fillSmall(chunk: Buffer, at: number, wanted: number): number {
    const taken = Math.min(wanted - this.#smallFilled, chunk.length - at);
    chunk.copy(this.#small, this.#smallFilled, at, at + taken);
    this.#smallFilled += taken;
    return at + taken;
  }

  #beginFrame(): void {
    this.#smallFilled = 0;
    this.#name = this.#small.readUInt32LE(0);
    this.#status = this.#small.readInt32LE(8);
    const count = this.#small.readUInt32LE(4);
    const limits = this.#limitsOf(this.#name, this.#status);
    if (count > limits.maxItems) {
      throw new BlobSeerError(
        'corrupt',
        `a frame of call ${this.#name} with ${count} items; at most ${limits.maxItems} are taken`,
      );
    }
    this.#limits = limits;
    this.#missing = count;
  }

  #endFrame(): Frame {
    const frame = { name: this.#name, status: this.#status, items: this.#items };
    this.#items = [];
    this.#bytes = 0;
    this.#limits = undefined;
    return frame;
  }

  #beginItem(limits: FrameLimits): void {
    this.#smallFilled = 0;
    const length = this.#small.readUInt32LE(0);
    this.#bytes += length;
    if (length > limits.maxItemBytes || this.#bytes > limits.maxBytes) {
      throw new BlobSeerError(
        'corrupt',
        `an item of ${length} bytes in a frame of call ${this.#name}: at most ` +
          `${limits.maxItemBytes} are taken, ${limits.maxBytes} in all items`,
      );
    }
    this.#length = length;
  }

  #fillItem(chunk: Buffer, at: number, length: number): number {
    const available = chunk.length - at;
    if (this.#item === undefined) {
      if (available >= length) {
        this.#endItem(chunk.subarray(at, at + length));
        return at + length;
      }
      this.#item = Buffer.allocUnsafeSlow(Math.min(length, firstRoomBytes));
    }
    let from = at;
    while (this.#item !== undefined && from < chunk.length) {
      const taken = Math.min(this.#item.length - this.#itemFilled, chunk.length - from);
      chunk.copy(this.#item, this.#itemFilled, from, from + taken);
      from += taken;
      this.#filled(this.#item, taken);
    }
    return from;
  }

  /** So many more bytes of the item are there. A full buffer makes room for as many again. */
  #filled(item: Buffer, bytes: number): void {
    this.#itemFilled += bytes;
    if (this.#itemFilled === this.#length) {
      this.#endItem(item);
    } else if (this.#itemFilled === item.length) {
      this.#item = Buffer.allocUnsafeSlow(Math.min(this.#length ?? 0, 2 * item.length));
      item.copy(this.#item);
    }
  }

  #endItem(item: Buffer): void {
    this.#items.push(item);
    this.#missing--;
    this.#length = undefined;
    this.#item = undefined;
    this.#itemFilled = 0;
  }
}
