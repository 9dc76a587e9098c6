/**
 * The names of our pages at data providers: 16 bytes, the first 8 of which are the write's. A write id is one
 * of the directory's own numbers behind a tag of the directory; both the tag and the first number are
 * random, so that the pages of two gateways do not meet, and those of one write lie together.
 */
import { makePageKey, writeIdBytes } from '../wire/page-key.ts';
import { pageKeyBytes } from '../wire/records.ts';

export const writeTagBytes = 2;

export type PageName = {
  readonly writeId: number;
  readonly index: number;
  readonly crc: number;
};

export class PageNames {
  readonly #tag: Buffer;

  constructor(tag: Buffer) {
    this.#tag = tag;
  }

  /** What the keys of all pages of a write begin with. */
  writePrefix(writeId: number): Buffer {
    const prefix = Buffer.allocUnsafe(writeIdBytes);
    this.#tag.copy(prefix);
    prefix.writeUIntBE(writeId, writeTagBytes, 6);
    return prefix;
  }

  keyOf({ writeId, index, crc }: PageName): Buffer {
    return makePageKey(this.writePrefix(writeId), index, crc);
  }

  /** Undefined for a page that another client stored. */
  pageOf(key: Buffer): PageName | undefined {
    if (key.length !== pageKeyBytes || !key.subarray(0, writeTagBytes).equals(this.#tag)) {
      return undefined;
    }
    return {
      writeId: key.readUIntBE(writeTagBytes, 6),
      index: key.readUInt32LE(writeIdBytes),
      crc: key.readUInt32LE(writeIdBytes + 4),
    };
  }
}
