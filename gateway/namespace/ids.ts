/**
 * Version ids and upload ids: opaque, URL-safe texts whose order as text is the order of the bytes
 * they stand for. Base32 with the "extended hex" alphabet keeps order (RFC 4648, section 7), here in
 * lower case and without padding.
 *
 * - A version id is the inverted birth (8 bytes: newest first) and 4 random bytes: 20 characters.
 * - An upload id is the commit sequence (6 bytes: oldest first) and 10 random bytes: 26 characters.
 *   Random enough that nobody guesses another's upload.
 */
import { birthBytes } from './keys.ts';

export const versionRandomBytes = 4;
export const uploadIdBytes = 16;
export const uploadRandomBytes = 10;
export const nullVersionId = 'null';

const versionIdBytes = birthBytes + versionRandomBytes;
const alphabet = '0123456789abcdefghijklmnopqrstuv';

/** Character code to its 5 bits; -1 for all others. */
const digits = new Int8Array(128).fill(-1);
for (let value = 0; value < alphabet.length; value += 1) digits[alphabet.charCodeAt(value)] = value;

const characters = Buffer.from(alphabet);

/** Always an even number of characters, the last bits zero. Where they end. */
function writeBase32(target: Buffer, start: number, bytes: Uint8Array): number {
  let at = start;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    held = (held << 8) | (bytes[index] as number);
    bits += 8;
    if (bits >= 10) {
      bits -= 10;
      at = writePair(target, at, held >> bits);
      held &= (1 << bits) - 1;
    }
  }
  return bits === 0 ? at : writePair(target, at, held << (10 - bits));
}

/** Two characters for 10 bits. */
function writePair(target: Buffer, at: number, bits: number): number {
  target[at] = characters[bits >> 5]!;
  target[at + 1] = characters[bits & 31]!;
  return at + 2;
}

/** Undefined where the text is not the one text for some `length` bytes. */
function decodeBase32(text: string, length: number): Buffer | undefined {
  if (text.length !== Math.ceil((length * 8) / 10) * 2) return undefined;
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  let bits = 0;
  let held = 0;
  for (let index = 0; index < text.length; index += 1) {
    const digit = digits[text.charCodeAt(index)] ?? -1;
    if (digit < 0) return undefined;
    held = (held << 5) | digit;
    bits += 5;
    if (bits >= 8 && filled < length) {
      bits -= 8;
      bytes[filled++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return held === 0 ? bytes : undefined;
}

const scratch = new Uint8Array(versionIdBytes);
const scratchText = Buffer.alloc(32);
/** Of every version id that is none of 'null'. */
export const versionIdLength = 20;

/**
 * From the birth as it stands in a version's row key (8 bytes, inverted) and the random part, each
 * given by the buffer it lies in and its place there: a listing calls this for every line. `target` is
 * filled from its beginning.
 */
export function writeVersionId(
  target: Buffer,
  birth: Buffer,
  birthAt: number,
  random: Buffer,
  randomAt: number,
): void {
  for (let index = 0; index < birthBytes; index += 1) {
    scratch[index] = birth[birthAt + index] as number;
  }
  for (let index = 0; index < versionRandomBytes; index += 1) {
    scratch[birthBytes + index] = random[randomAt + index] as number;
  }
  writeBase32(target, 0, scratch);
}

export function encodeVersionId(
  birth: Buffer,
  birthAt: number,
  random: Buffer,
  randomAt: number,
): string {
  writeVersionId(scratchText, birth, birthAt, random, randomAt);
  return scratchText.toString('latin1', 0, versionIdLength);
}

/** Undefined for 'null' and for what is no version id. */
export function decodeVersionId(text: string): { birth: Buffer; random: Buffer } | undefined {
  const bytes = decodeBase32(text, versionIdBytes);
  if (bytes === undefined) return undefined;
  return { birth: bytes.subarray(0, birthBytes), random: bytes.subarray(birthBytes) };
}

export function isVersionId(text: string): boolean {
  return text === nullVersionId || decodeVersionId(text) !== undefined;
}

export function makeUploadId(sequence: number, random: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(uploadIdBytes);
  bytes.writeUIntBE(sequence, 0, 6);
  bytes.set(random, 6);
  return bytes;
}

export function encodeUploadId(bytes: Uint8Array): string {
  return scratchText.toString('latin1', 0, writeBase32(scratchText, 0, bytes));
}

export function decodeUploadId(text: string): Buffer | undefined {
  return decodeBase32(text, uploadIdBytes);
}
