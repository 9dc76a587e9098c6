/**
 * The pages of one write on their way to data providers: collected into stretches of half a megabyte, each
 * stored on providers of its own, a bounded number at once. Nothing is sent before the intent says where to.
 */
import { idKey } from '../../embedded/records.ts';
import { BlobSeerError } from '../../errors.ts';
import type { PageAddress, PageWriter } from '../../roles.ts';
import type { Transaction } from '../../store.ts';
import type { Address } from '../remote-error.ts';
import { Pieces } from '../wire/frame.ts';
import type { ByteBudget } from './byte-budget.ts';
import { Intent, type IntentParts } from './intent.ts';
import { maxStretchesUnderWay, releasesAtOnce, stretchBytes } from './limits.ts';
import type { PageStores } from './page-stores.ts';
import type { Placements } from './placements.ts';
import { encodeWrite } from './records.ts';
import type { Releases } from './releases.ts';
import type { RemoteTables } from './tables.ts';

export interface PageWriterParts extends IntentParts {
  readonly tables: RemoteTables;
  readonly placements: Placements;
  readonly stores: PageStores;
  readonly budget: ByteBudget;
  readonly releases: Releases;
}

interface Page {
  readonly index: number;
  readonly crc: number;
  readonly bytes: Uint8Array | Pieces;
}

export class RemotePageWriter implements PageWriter {
  storedBytes = 0;
  readonly #parts: PageWriterParts;
  readonly #writeId: number;
  readonly #pageSize: number;
  readonly #stretchPages: number;
  readonly #intent: Intent;
  readonly #crcs: number[] = [];
  /** By stretch: those that have it, and all that were asked to take it. */
  readonly #groups: (readonly Address[])[] = [];
  readonly #asked: Address[][] = [];
  readonly #stopped = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  #pieces: Uint8Array[] = [];
  #pageBytes = 0;
  #lastPageBytes = 0;
  #stretch: Page[] = [];
  #stretchNumber = 0;
  #failure: { readonly error: unknown } | undefined;
  #isSealed = false;

  constructor(parts: PageWriterParts, writeId: number, pageSize: number, blobId: number) {
    this.#parts = parts;
    this.#writeId = writeId;
    this.#pageSize = pageSize;
    this.#stretchPages = Math.max(1, Math.floor(stretchBytes / pageSize));
    this.#intent = new Intent(parts, writeId, blobId);
  }

  async write(piece: Uint8Array): Promise<void> {
    if (piece.length === 0) return;
    if (this.#stretch.length === this.#stretchPages) await this.#sendStretch();
    this.#pieces.push(piece);
    this.#pageBytes += piece.length;
    this.storedBytes += piece.length;
  }

  endPage(crc: number): number {
    if (this.#pageBytes === 0) throw new BlobSeerError('invalid-argument', 'a page has no bytes');
    if (this.#crcs.length > 0 && this.#lastPageBytes < this.#pageSize) {
      throw new BlobSeerError('invalid-argument', 'only the last page of a write may be short');
    }
    const index = this.#crcs.length;
    const pieces = this.#pieces;
    const bytes = pieces.length === 1 ? pieces[0]! : new Pieces(pieces);
    this.#stretch.push({ index, crc, bytes });
    this.#crcs.push(crc);
    this.#lastPageBytes = this.#pageBytes;
    this.#pieces = [];
    this.#pageBytes = 0;
    return index;
  }

  /** Returns when it is on its way. */
  async #sendStretch(): Promise<void> {
    const pages = this.#stretch;
    const number = this.#stretchNumber++;
    this.#stretch = [];
    while (this.#underWay.size >= maxStretchesUnderWay) await Promise.race(this.#underWay);
    this.#throwFailure();
    const { budget } = this.#parts;
    const bytes = pages.length * this.#pageSize;
    await budget.take(bytes);
    const sending: Promise<void> = this.#store(number, pages)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        budget.give(bytes);
        this.#underWay.delete(sending);
      });
    this.#underWay.add(sending);
  }

  async #store(stretch: number, pages: readonly Page[]): Promise<void> {
    const writeId = this.#writeId;
    const { stores, placements } = this.#parts;
    const writes = pages.map(({ index, crc, bytes }) => ({
      key: placements.names.keyOf({ writeId, index, crc }),
      page: bytes,
    }));
    const asked: Address[] = [];
    this.#asked[stretch] = asked;
    const cover = (addresses: readonly Address[]): Promise<void> => {
      asked.push(...addresses);
      return this.#intent.cover(addresses);
    };
    this.#groups[stretch] = await stores.store(writes, cover, this.#stopped.signal);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #settle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** Every page is durable on as many providers as it has replicas. */
  async seal(): Promise<void> {
    if (this.#stretch.length > 0) await this.#sendStretch();
    await this.#settle();
    this.#throwFailure();
    if (this.#crcs.length === 0) return;
    const write = { ...this.#record(), stretches: this.#groups };
    this.#parts.placements.placed(this.#writeId, write, this.#intent);
    this.#isSealed = true;
  }

  #record() {
    return {
      pageSize: this.#pageSize,
      pageCount: this.#crcs.length,
      lastPageBytes: this.#lastPageBytes,
      stretchPages: this.#stretchPages,
      crcs: this.#crcs,
    };
  }

  /** Never in the store itself. */
  placed(page: PageAddress): PageAddress {
    return { ...page, inFile: true };
  }

  commit(transaction: Transaction): void {
    const { tables, numbers } = this.#parts;
    this.#intent.fulfil(transaction);
    for (const [stretch, asked] of this.#asked.entries()) {
      const strays = asked.filter((address) => !this.#groups[stretch]!.includes(address));
      if (strays.length > 0) this.#release(transaction, strays, this.#keysOf(stretch));
    }
    if (this.#crcs.length === 0) return;
    const stretches = this.#groups.map((group) =>
      group.map((address) => numbers.numberFor(transaction, address)),
    );
    const value = encodeWrite({ ...this.#record(), stretches });
    transaction.put(tables.writes, idKey(this.#writeId), value);
  }

  committed(): void {
    this.#parts.placements.ended(this.#writeId);
  }

  /** What is on its way is not waited for. Nothing of it is released twice. */
  async abort(): Promise<void> {
    const error = new BlobSeerError('invalid-argument', 'the write was given up');
    this.#failure ??= { error };
    this.#stretch = [];
    this.#intent.end();
    this.#stopped.abort(error);
    await this.#settle();
    const { placements, store } = this.#parts;
    placements.ended(this.#writeId);
    // The intent stands until all of it is in the releases.
    while (this.#asked.length > 0) {
      const from = Math.max(0, this.#asked.length - releasesAtOnce);
      await store.commit((transaction) => {
        for (let stretch = from; stretch < this.#asked.length; stretch++) {
          this.#giveUp(transaction, stretch);
        }
        if (from === 0) this.#intent.drop(transaction);
      });
      this.#asked.length = from;
    }
  }

  #giveUp(transaction: Transaction, stretch: number): void {
    const keys = this.#keysOf(stretch);
    this.#release(transaction, this.#asked[stretch]!, keys);
    // Since it was sealed, lists of its pages may be at the metadata providers.
    if (this.#isSealed) this.#parts.releases.deferMetadata(transaction, [], keys);
  }

  #release(
    transaction: Transaction,
    addresses: readonly Address[],
    items: readonly Buffer[],
  ): void {
    const { numbers, releases } = this.#parts;
    for (const address of addresses) {
      const host = { kind: 'provider', number: numbers.numberFor(transaction, address) } as const;
      releases.defer(transaction, host, { call: 'release-pages', items });
    }
  }

  #keysOf(stretch: number): Buffer[] {
    const { names } = this.#parts.placements;
    const first = stretch * this.#stretchPages;
    return this.#crcs
      .slice(first, first + this.#stretchPages)
      .map((crc, index) => names.keyOf({ writeId: this.#writeId, index: first + index, crc }));
  }
}
