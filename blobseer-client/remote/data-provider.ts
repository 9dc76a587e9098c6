/** Data providers as their clients see them: pages under keys of 16 bytes. */
import { BlobSeerError } from '../errors.ts';
import { type Address, addressText } from './remote-error.ts';
import type { CallOptions, Transport } from './transport.ts';
import type { Pieces } from './wire/frame.ts';
import { dataProviderCalls } from './wire/messages.ts';
import { matchesPageKey } from './wire/page-key.ts';
import { type ListedPage, maxReleased, pageStorageCalls } from './wire/storage-calls.ts';

/** What takes a dead page's place: an empty value would end the original's server. */
const tombstone = Buffer.of(0);

export interface PageWrite {
  readonly key: Uint8Array;
  readonly page: Uint8Array | Pieces;
}

export class DataProviders {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * Stores pages. Keep batches short: a provider does one thing at a time, and must be done within
   * half a minute. Throws `no-space` when full; some of the pages may be stored then.
   */
  async write(at: Address, pages: readonly PageWrite[], options?: CallOptions): Promise<void> {
    const pairs = pages.map(({ key, page }) => [key, page] as const);
    await this.#transport.call(at, dataProviderCalls.write, pairs, options);
  }

  /**
   * Pages in the order asked for, checked against their keys; undefined where the provider has none of
   * that key. Small pages are read several times as fast in batches: every call needs a connection
   * of its own. Throws `corrupt` when the bytes of one are not those that were written.
   */
  async read(
    at: Address,
    keys: readonly Buffer[],
    maxPageBytes: number,
    options?: CallOptions,
  ): Promise<(Buffer | undefined)[]> {
    const request = { keys, maxValueBytes: maxPageBytes };
    const pages = await this.#transport.call(at, dataProviderCalls.read, request, options);
    return pages.map((page, index) => {
      const key = keys[index]!;
      if (page === undefined || matchesPageKey(key, page)) return page;
      const name = `page ${key.toString('hex')} on ${addressText(at)}`;
      throw new BlobSeerError('corrupt', `${name} is not what was written`);
    });
  }

  /**
   * A part of a page of `pageBytes` bytes; undefined when the provider has no such page, or a shorter
   * one. Its bytes cannot be checked: only whole pages have checksums.
   */
  async readPart(
    at: Address,
    key: Uint8Array,
    part: { readonly offset: number; readonly size: number; readonly pageBytes: number },
    options?: CallOptions,
  ): Promise<Buffer | undefined> {
    const { offset, size, pageBytes } = part;
    // Beyond its end the original may read its own memory.
    if (!(offset >= 0 && size >= 1 && offset + size <= pageBytes)) {
      const message = `${size} bytes at ${offset} are not within a page of ${pageBytes}`;
      throw new BlobSeerError('invalid-argument', message);
    }
    try {
      const request = { key, offset, size };
      return await this.#transport.call(at, dataProviderCalls.readPartial, request, options);
    } catch (error) {
      if (error instanceof BlobSeerError && error.kind === 'not-found') return undefined;
      throw error;
    }
  }

  /**
   * Gives the memory of dead pages back. The original has no deletion: one byte takes the page's place (none
   * at all would be one too few for it), and its count of free bytes does not rise.
   */
  async bury(at: Address, keys: readonly Uint8Array[], options?: CallOptions): Promise<void> {
    const tombstones = keys.map((key) => ({ key, page: tombstone }));
    await this.write(at, tombstones, options);
  }

  /**
   * Releases pages, for ever; keys of no page are passed over. Durable when it resolves. The original has no
   * such call and ends the connection: `unavailable`.
   */
  async release(at: Address, keys: readonly Uint8Array[], options?: CallOptions): Promise<void> {
    for (let from = 0; from < keys.length; from += maxReleased) {
      const some = keys.slice(from, from + maxReleased);
      await this.#transport.call(at, pageStorageCalls.release, some, options);
    }
  }

  /** As `release`, for all pages of writes. Pages that are being written meanwhile may stay. */
  async releaseWrites(
    at: Address,
    writeIds: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<void> {
    for (let from = 0; from < writeIds.length; from += maxReleased) {
      const some = writeIds.slice(from, from + maxReleased);
      await this.#transport.call(at, pageStorageCalls.releaseWrites, some, options);
    }
  }

  /**
   * At most `limit` pages behind the key `after`, in the order of their keys. Fewer than that are the last
   * ones. The original has no such call: `unavailable`.
   */
  async list(
    at: Address,
    after: Uint8Array | undefined,
    limit: number,
    options?: CallOptions,
  ): Promise<readonly ListedPage[]> {
    return await this.#transport.call(at, pageStorageCalls.list, { after, limit }, options);
  }
}
