/**
 * Markup written as bytes at once, for listings: a thousand keys are 300 KB, and as a string they would be
 * put together from ten thousand pieces and then encoded. Keys and digests go from where they lie to where
 * they are told, without a string in between.
 */
import { encodeUri } from './query.ts';
import { type Child, documentOpening, escapeText } from './xml.ts';

/** Bytes [start, end) of a buffer. */
export interface ByteRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

const firstBytes = 64 * 1024;
/** What a listing tells in front of its lines, where its names are not very long. */
const frontBytes = 1024;
/** Of a code unit in UTF-8. */
const maxUnitBytes = 3;
/** Of an integer that is exact. */
const maxDigits = 16;

/** By byte its two digits, as a little-endian number of 16 bits. */
const lowerHex = hexTable('0123456789abcdef');
const upperHex = hexTable('0123456789ABCDEF');

function hexTable(digits: string): Uint16Array {
  const digitOf = (value: number) => digits.charCodeAt(value);
  return Uint16Array.from(
    { length: 256 },
    (_, byte) => digitOf(byte >> 4) | (digitOf(byte & 15) << 8),
  );
}

/** By byte, 1 for what `isSame` says of the character. Bytes of characters beyond ASCII: `beyond`. */
function byteTable(isSame: (character: string) => boolean, beyond: 0 | 1): Uint8Array {
  const table = new Uint8Array(256).fill(beyond);
  for (let code = 0; code < 0x80; code += 1)
    table[code] = isSame(String.fromCharCode(code)) ? 1 : 0;
  return table;
}

/** What stands in text as it is. */
const isPlain = byteTable((character) => escapeText(character) === character, 1);
// Among the characters that begin with these are some that do not: U+0080 to U+009F, U+FFFE, U+FFFF.
for (const leading of [0xc2, 0xef]) isPlain[leading] = 0;

/** What stands in a URL as it is. */
const isUnreserved = byteTable((text) => encodeUri(text, { keepSlash: true }) === text, 0);

/**
 * Buffers that were given back: large ones that are made for each answer make the garbage collector run
 * through the whole heap, since it counts their bytes.
 */
const spares: Buffer[] = [];
const maxSpares = 4;
const maxSpareBytes = 1024 * 1024;
const noBytes = Buffer.alloc(0);

export class MarkupBytes {
  private bytes: Buffer = noBytes;
  private view = viewOf(noBytes);
  /** Room in front, for what is known last. */
  private start = frontBytes;
  private length = frontBytes;

  /** Finished markup. */
  raw(markup: Uint8Array): void {
    const at = this.reserve(markup.length);
    this.bytes.set(markup, at);
    this.length = at + markup.length;
  }

  /** A text, escaped. */
  text(text: string): void {
    const escaped = escapeText(text);
    const at = this.reserve(escaped.length * maxUnitBytes);
    this.length = at + this.bytes.write(escaped, at);
  }

  /** A text in UTF-8, escaped. */
  utf8(range: ByteRange): void {
    const { bytes, start, end } = range;
    let to = this.reserve(end - start);
    const { bytes: target, view } = this;
    let at = start;
    for (; at + 4 <= end; at += 4) {
      const a = bytes[at]!;
      const b = bytes[at + 1]!;
      const c = bytes[at + 2]!;
      const d = bytes[at + 3]!;
      if ((isPlain[a]! & isPlain[b]! & isPlain[c]! & isPlain[d]!) === 0) {
        this.escaped(range);
        return;
      }
      view.setInt32(to, a | (b << 8) | (c << 16) | (d << 24), true);
      to += 4;
    }
    for (; at < end; at += 1) {
      const byte = bytes[at]!;
      if (isPlain[byte] === 0) {
        this.escaped(range);
        return;
      }
      target[to++] = byte;
    }
    this.length = to;
  }

  private escaped({ bytes, start, end }: ByteRange): void {
    this.text(Buffer.from(bytes.subarray(start, end)).toString());
  }

  /** A text in UTF-8, percent-encoded, slashes kept: nothing in it is markup. */
  uri({ bytes, start, end }: ByteRange): void {
    let to = this.reserve((end - start) * '%00'.length);
    const { bytes: target, view } = this;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at]!;
      if (isUnreserved[byte] === 1) {
        target[to++] = byte;
        continue;
      }
      target[to] = 0x25;
      view.setUint16(to + 1, upperHex[byte]!, true);
      to += 3;
    }
    this.length = to;
  }

  /** An even number of bytes in hexadecimal, over what was written until `behind` bytes ago. */
  hexOver({ bytes, start, end }: ByteRange, behind: number): void {
    let to = this.length - behind - 2 * (end - start);
    const { view } = this;
    for (let at = start; at < end; at += 2) {
      view.setInt32(to, lowerHex[bytes[at]!]! | (lowerHex[bytes[at + 1]!]! << 16), true);
      to += 4;
    }
  }

  /** Not negative. */
  integer(value: number): void {
    const at = this.reserve(maxDigits);
    const { bytes } = this;
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits += 1;
    let rest = value;
    for (let to = at + digits - 1; to >= at; to -= 1) {
      const tenth = Math.floor(rest / 10);
      bytes[to] = 0x30 + (rest - tenth * 10);
      rest = tenth;
    }
    this.length = at + digits;
  }

  /** All that `other` has, which is done then. */
  append(other: MarkupBytes): void {
    this.raw(other.written());
    other.giveBack();
  }

  /** A finished text in front of all that is there. */
  prepend(markup: string): void {
    const count = Buffer.byteLength(markup);
    if (count > this.start) this.grow(this.length, count);
    this.start -= count;
    this.bytes.write(markup, this.start);
  }

  /** A view, until it is given back. */
  written(): Buffer {
    return this.bytes.subarray(this.start, this.length);
  }

  /** Nobody looks at it any more; the writer is done. */
  giveBack(): void {
    const { length } = this.bytes;
    if (length > 0 && length <= maxSpareBytes && spares.length < maxSpares) spares.push(this.bytes);
    this.bytes = noBytes;
    this.length = this.start;
  }

  /** Where the next `count` bytes go. */
  private reserve(count: number): number {
    if (this.length + count > this.bytes.length) this.grow(this.length + count);
    return this.length;
  }

  private grow(least: number, front = 0): void {
    const spare = this.bytes.length === 0 ? spares.pop() : undefined;
    const larger =
      spare !== undefined && spare.length >= least + front
        ? spare
        : Buffer.allocUnsafe(Math.max(firstBytes, 2 * this.bytes.length, least + front));
    this.written().copy(larger, this.start + front);
    this.start += front;
    this.length += front;
    this.bytes = larger;
    this.view = viewOf(larger);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** Makes lines a document: `before` and they are its children, and `others` behind them. */
export function closeDocument(
  root: string,
  before: readonly Child[],
  lines: MarkupBytes,
  ...others: readonly MarkupBytes[]
): void {
  for (const other of others) lines.append(other);
  lines.raw(Buffer.from(`</${root}>`));
  lines.prepend(documentOpening(root, before));
}
