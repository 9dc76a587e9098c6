/** Reads pages from data providers: those of a stretch in one call, from whichever replica answers. */
import { pageName } from '../../embedded/records.ts';
import { BlobSeerError } from '../../errors.ts';
import type { PageAddress, PageReader } from '../../roles.ts';
import type { PageStores } from './page-stores.ts';
import { type PlacedWrite, type Placements, providersIn } from './placements.ts';

export class RemotePageReader implements PageReader {
  readonly #placements: Placements;
  readonly #stores: PageStores;
  readonly #refresh: () => void;
  readonly #writes = new Map<number, PlacedWrite>();

  constructor(placements: Placements, stores: PageStores, refresh: () => void) {
    this.#placements = placements;
    this.#stores = stores;
    this.#refresh = refresh;
  }

  async read(pages: readonly PageAddress[]): Promise<Buffer> {
    const [first] = pages;
    if (first === undefined) return Buffer.alloc(0);
    // All of them are looked up before the first is read: what throws must leave no read behind.
    const stretches: { write: PlacedWrite; pages: readonly PageAddress[] }[] = [];
    for (let at = 0; at < pages.length; ) {
      const { write, count } = this.#stretchAt(pages, at);
      stretches.push({ write, pages: pages.slice(at, at + count) });
      at += count;
    }
    const reading = stretches.map((one) => this.#readStretch(one.write, one.pages));
    const read = (await Promise.all(reading)).flat();
    return read.length === 1 ? read[0]! : Buffer.concat(read);
  }

  readInline(page: PageAddress): Buffer {
    throw new BlobSeerError('corrupt', `${pageName(page)} is not in the store`);
  }

  /** Pages come in memory of their connection's. */
  reuse(): void {}

  async close(): Promise<void> {
    this.#writes.clear();
  }

  #stretchAt(pages: readonly PageAddress[], at: number): { write: PlacedWrite; count: number } {
    const first = pages[at]!;
    const write = this.#writeOf(first);
    const stretch = Math.floor(first.index / write.stretchPages);
    let count = 1;
    for (let next = pages[at + count]; next !== undefined; next = pages[at + count]) {
      const isSame = Math.floor(next.index / write.stretchPages) === stretch;
      if (next.writeId !== first.writeId || !isSame) break;
      count++;
    }
    return { write, count };
  }

  #writeOf(page: PageAddress): PlacedWrite {
    let write = this.#writes.get(page.writeId);
    if (write === undefined) {
      this.#refresh();
      write = this.#placements.writeOf(page);
      this.#writes.set(page.writeId, write);
    }
    if (page.index < write.pageCount) return write;
    throw new BlobSeerError('corrupt', `${pageName(page)} has no place`);
  }

  async #readStretch(write: PlacedWrite, pages: readonly PageAddress[]): Promise<Buffer[]> {
    const keys = pages.map((page) => this.#placements.names.keyOf(page));
    const providers = providersIn(write, pages[0]!.index);
    const read = await this.#stores.read(providers, keys, write.pageSize);
    for (const [index, page] of pages.entries()) {
      const { length } = read[index]!;
      if (length === page.length) continue;
      throw new BlobSeerError(
        'corrupt',
        `${pageName(page)} has ${length} bytes instead of ${page.length}`,
      );
    }
    return read;
  }
}
