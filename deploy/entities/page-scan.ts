/** Reads a segment of the page log from record to record. */
import type { DiskFile } from '../../blobseer-client/embedded/disk.ts';
import {
  areBlocksOf,
  blockBytes,
  decodeHead,
  headBytesFrom,
  headStartBytes,
  type RecordHead,
} from './page-record.ts';

/** What is read of the file at once. */
const windowBytes = 2 ** 20;

export interface FoundRecord extends RecordHead {
  readonly offset: number;
  /** Behind its page. */
  readonly end: number;
}

export class PageScan {
  readonly #file: DiskFile;
  readonly #segment: number;
  readonly #buffer = Buffer.allocUnsafeSlow(windowBytes);
  #window: Buffer = this.#buffer.subarray(0, 0);
  #windowAt = 0;

  constructor(file: DiskFile, segment: number) {
    this.#file = file;
    this.#segment = segment;
  }

  /** As far as heads are right; pages may be damaged. */
  async *records(from: number): AsyncGenerator<FoundRecord, void> {
    let offset = from;
    for (;;) {
      const headBytes = headBytesFrom(await this.#bytes(offset, headStartBytes));
      if (headBytes === undefined) return;
      const bytes = await this.#bytes(offset, headBytes);
      const head = decodeHead(this.#segment, Buffer.from(bytes));
      if (head === undefined) return;
      const end = offset + headBytes + head.length;
      yield { ...head, offset, end };
      offset = end;
    }
  }

  /** Whether the page is what was written. */
  async isWhole({ end, length, crcs }: FoundRecord): Promise<boolean> {
    const start = end - length;
    for (let at = 0; at < length; at += blockBytes) {
      const size = Math.min(blockBytes, length - at);
      const block = await this.#bytes(start + at, size);
      if (block.length < size || !areBlocksOf(crcs, at / blockBytes, block)) return false;
    }
    return true;
  }

  /** Undefined when it is not what was written. */
  async page({ end, length, crcs }: FoundRecord): Promise<Buffer | undefined> {
    const page = Buffer.allocUnsafe(length);
    const read = await this.#file.read(page, end - length);
    return read === length && areBlocksOf(crcs, 0, page) ? page : undefined;
  }

  /** Whether there is anything at all. */
  async hasBytesAt(offset: number): Promise<boolean> {
    return (await this.#bytes(offset, 1)).length > 0;
  }

  /** Fewer at the end of the file. Good until the next call. */
  async #bytes(offset: number, size: number): Promise<Buffer> {
    const start = offset - this.#windowAt;
    if (start >= 0 && start + size <= this.#window.length) {
      return this.#window.subarray(start, start + size);
    }
    const read = await this.#file.read(this.#buffer, offset);
    this.#window = this.#buffer.subarray(0, read);
    this.#windowAt = offset;
    return this.#window.subarray(0, size);
  }
}
