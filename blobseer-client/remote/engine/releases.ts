/**
 * What other machines have to be told: pages and tree nodes that nobody needs any more, and metadata that a
 * provider missed while it was away. Everything is a durable row first and is taken away when it has been
 * said, so that a crash, or a host that is out of reach for days, leaves nothing behind.
 */
import type { Run } from '../../algorithms/liveness.ts';
import { idKey } from '../../embedded/records.ts';
import type { Store, Transaction } from '../../store.ts';
import type { MetadataProviders } from '../metadata-providers.ts';
import type { Segment } from '../wire/records.ts';
import { maxKeysPerRelease, releasesAtOnce, unitsPerRelease } from './limits.ts';
import { type PlacedWrite, type Placements, providersIn } from './placements.ts';
import type { ProviderNumbers } from './provider-numbers.ts';
import {
  type DeferredRecord,
  decodeRelease,
  decodeTicket,
  deferredKey,
  encodeDeferred,
  encodeRelease,
  encodeTicket,
  type HostName,
  type ReleaseRecord,
  releaseKey,
  type TicketRecord,
} from './records.ts';
import type { RemoteTables } from './tables.ts';

export interface ReleasesParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly placements: Placements;
  readonly numbers: ProviderNumbers;
  readonly metadata: Pick<MetadataProviders, 'placesOf'>;
}

export class Releases {
  readonly #parts: ReleasesParts;
  #sequence = 0;
  #ordinal = 0;

  constructor(parts: ReleasesParts) {
    this.#parts = parts;
  }

  /** Inside a commit: a host is to be told this. */
  defer(transaction: Transaction, host: HostName, { call, items }: DeferredRecord): void {
    // Of pairs, keys and values stand in turns.
    const step = call === 'put' ? 2 * maxKeysPerRelease : maxKeysPerRelease;
    for (let from = 0; from < items.length; from += step) {
      const key = deferredKey(host, transaction.sequence, this.#nextOrdinal(transaction));
      const value = encodeDeferred({ call, items: items.slice(from, from + step) });
      transaction.put(this.#parts.tables.deferred, key, value);
    }
  }

  /** Inside a commit: these tree nodes, and the lists of these pages, are needed no more. */
  deferMetadata(
    transaction: Transaction,
    segments: readonly Segment[],
    pageKeys: readonly Buffer[],
  ): void {
    for (const [number, items] of this.#parts.metadata.placesOf(segments, pageKeys)) {
      this.defer(transaction, { kind: 'gateway', number }, { call: 'release-nodes', items });
    }
  }

  /** Inside a commit: no snapshot needs these pages and inner nodes any more. */
  free(transaction: Transaction, runs: readonly Run[]): void {
    const { tables } = this.#parts;
    for (const { level, writeId, firstIndex, start, count } of runs) {
      const ticket = this.#ticket(writeId);
      if (ticket === undefined) continue; // `check` reports what led here
      const live = Math.max(0, ticket.live - count);
      transaction.put(tables.tickets, idKey(writeId), encodeTicket({ ...ticket, live }));
      for (let at = 0; at < count; at += unitsPerRelease) {
        const end = Math.min(count, at + unitsPerRelease);
        const release = {
          level,
          writeId,
          firstIndex: firstIndex + at,
          firstSlot: start + at,
          count: end - at,
          isLast: live === 0 && end === count,
        };
        const key = releaseKey(transaction.sequence, this.#nextOrdinal(transaction));
        transaction.put(tables.releases, key, encodeRelease(release));
      }
    }
  }

  /** Puts what was freed into words for each host. True when there may be more. */
  async spell(): Promise<boolean> {
    const { store, tables } = this.#parts;
    store.refresh();
    if (tables.releases.keys({ limit: 1 }).length === 0) return false;
    return await store.commit((transaction) => {
      let units = 0;
      for (const { key, value } of tables.releases.range({ limit: releasesAtOnce })) {
        const release = decodeRelease(value);
        units += release.count;
        if (units > unitsPerRelease) break;
        this.#spellOne(transaction, release);
        transaction.remove(tables.releases, key);
      }
      return tables.releases.keys({ limit: 1 }).length > 0;
    });
  }

  #spellOne(transaction: Transaction, release: ReleaseRecord): void {
    const { tables, placements } = this.#parts;
    const { writeId, isLast } = release;
    const ticket = this.#ticket(writeId);
    const write = placements.write(writeId);
    if (ticket !== undefined && write !== undefined) {
      if (release.level === 0) this.#spellPages(transaction, release, write);
      this.deferMetadata(
        transaction,
        segmentsOf(release, ticket, write.pageSize),
        release.level === 0 ? keysOf(release, write, placements) : [],
      );
    }
    if (!isLast) return;
    transaction.remove(tables.tickets, idKey(writeId));
    transaction.remove(tables.writes, idKey(writeId));
  }

  #spellPages(transaction: Transaction, release: ReleaseRecord, write: PlacedWrite): void {
    const { placements, numbers } = this.#parts;
    const byProvider = new Map<number, Buffer[]>();
    for (const [offset, key] of keysOf(release, write, placements).entries()) {
      for (const address of providersIn(write, release.firstIndex + offset)) {
        const number = numbers.numberFor(transaction, address);
        const keys = byProvider.get(number);
        if (keys === undefined) byProvider.set(number, [key]);
        else keys.push(key);
      }
    }
    for (const [number, items] of byProvider) {
      this.defer(transaction, { kind: 'provider', number }, { call: 'release-pages', items });
    }
  }

  #ticket(writeId: number): TicketRecord | undefined {
    const bytes = this.#parts.tables.tickets.get(idKey(writeId));
    return bytes && decodeTicket(bytes);
  }

  #nextOrdinal({ sequence }: Transaction): number {
    if (this.#sequence !== sequence) {
      this.#sequence = sequence;
      this.#ordinal = 0;
    }
    return this.#ordinal++;
  }
}

/** The tree nodes: of pages, their leaves. */
function segmentsOf(
  { level, firstSlot, count }: ReleaseRecord,
  { blobId, version }: TicketRecord,
  pageSize: number,
): Segment[] {
  const size = pageSize * 2 ** level;
  return Array.from({ length: count }, (_, index) => ({
    blobId,
    version,
    offset: (firstSlot + index) * size,
    size,
  }));
}

function keysOf(
  { writeId, firstIndex, count }: ReleaseRecord,
  write: PlacedWrite,
  { names }: Placements,
): Buffer[] {
  return write.crcs
    .slice(firstIndex, firstIndex + count)
    .map((crc, offset) => names.keyOf({ writeId, index: firstIndex + offset, crc }));
}
