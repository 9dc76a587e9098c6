/**
 * The pages of one write on their way to data providers: collected into stretches of up to a megabyte, each
 * stored on providers of its own, a bounded number at once. Nothing is sent before the intent says where to.
 */
import { idKey } from '../../embedded/records.ts';
import { BlobSeerError } from '../../errors.ts';
import type { PageWriter } from '../../roles.ts';
import type { Transaction } from '../../store.ts';
import type { Address } from '../remote-error.ts';
import type { ByteBudget } from './byte-budget.ts';
import { Intent, type IntentParts } from './intent.ts';
import { maxStretchesUnderWay, stretchBytes } from './limits.ts';
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
  readonly bytes: Uint8Array;
}

export class RemotePageWriter implements PageWriter {
  /** None of it is in the store itself. */
  readonly isFile = true;
  storedBytes = 0;
  readonly #parts: PageWriterParts;
  readonly #writeId: number;
  readonly #pageSize: number;
  readonly #stretchPages: number;
  readonly #intent: Intent;
  readonly #crcs: number[] = [];
  /** By stretch. */
  readonly #groups: (readonly Address[])[] = [];
  readonly #strays: { readonly keys: readonly Buffer[]; readonly address: Address }[] = [];
  readonly #underWay = new Set<Promise<void>>();
  #pieces: Uint8Array[] = [];
  #pageBytes = 0;
  #lastPageBytes = 0;
  #stretch: Page[] = [];
  #stretchNumber = 0;
  #failure: { readonly error: unknown } | undefined;

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
    // Joined now: pieces that waited with their stretch would take as much memory once more.
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
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
    const { providers, strays } = await stores.store(writes, (all) => this.#intent.cover(all));
    this.#groups[stretch] = providers;
    const keys = writes.map(({ key }) => key);
    for (const address of strays) this.#strays.push({ keys, address });
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
    this.#parts.placements.placed(this.#writeId, { ...this.#record(), stretches: this.#groups });
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

  commit(transaction: Transaction): void {
    const { tables, numbers, releases } = this.#parts;
    this.#intent.fulfil(transaction);
    for (const { keys, address } of this.#strays) {
      const host = { kind: 'provider', number: numbers.numberFor(transaction, address) } as const;
      releases.defer(transaction, host, { call: 'release-pages', items: keys });
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

  async abort(): Promise<void> {
    this.#stretch = [];
    this.#failure ??= { error: new BlobSeerError('invalid-argument', 'the write was given up') };
    await this.#settle();
    const { placements, releases, numbers, store } = this.#parts;
    const { addresses } = this.#intent;
    placements.ended(this.#writeId);
    if (addresses.length === 0) return;
    const keys = this.#crcs.map((crc, index) =>
      placements.names.keyOf({ writeId: this.#writeId, index, crc }),
    );
    await store.commit((transaction) => {
      this.#intent.drop(transaction);
      for (const address of keys.length > 0 ? addresses : []) {
        const host = { kind: 'provider', number: numbers.numberFor(transaction, address) } as const;
        releases.defer(transaction, host, { call: 'release-pages', items: keys });
      }
    });
  }
}
