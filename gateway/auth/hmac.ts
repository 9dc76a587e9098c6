/**
 * HMAC-SHA256 (RFC 2104) with a key that is used again and again. Node's own makes an object of the
 * crypto library for each text; two digests in one call each, over blocks that are prepared once,
 * take half the time.
 */
import { createHmac, hash } from 'node:crypto';

const blockBytes = 64;
const digestBytes = 32;
const innerPad = 0x36;
const outerPad = 0x5c;
/** Longer texts are rare (the policies of forms): they get Node's. */
const maxPreparedBytes = 2048;

/** What is hashed first, the key's block and the text: of one key at a time, never across an await. */
const innerInput = Buffer.alloc(blockBytes + maxPreparedBytes);

export class HmacKey {
  readonly #key: Buffer;
  readonly #innerBlock: Buffer;
  /** The key's block, and room for the inner digest. */
  readonly #outerInput: Buffer;

  /** Throws RangeError for a key that is longer than a block: those are hashed first, and none is here. */
  constructor(key: Buffer) {
    if (key.length > blockBytes) throw new RangeError('the key is longer than a block');
    this.#key = key;
    this.#innerBlock = padded(key, innerPad, blockBytes);
    this.#outerInput = padded(key, outerPad, blockBytes + digestBytes);
  }

  /** 64 hexadecimal digits. `text` has one character per byte. */
  hexOf(text: string): string {
    if (text.length > maxPreparedBytes) {
      return createHmac('sha256', this.#key).update(text, 'latin1').digest('hex');
    }
    this.#innerBlock.copy(innerInput);
    innerInput.write(text, blockBytes, 'latin1');
    const inner = hash('sha256', innerInput.subarray(0, blockBytes + text.length), 'hex');
    this.#outerInput.write(inner, blockBytes, 'hex');
    return hash('sha256', this.#outerInput, 'hex');
  }
}

function padded(key: Buffer, pad: number, length: number): Buffer {
  const block = Buffer.alloc(length, pad);
  for (const [at, byte] of key.entries()) block[at] = byte ^ pad;
  return block;
}
