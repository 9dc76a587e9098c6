/** Tells hosts what they have to be told, in the order in which it came up; who cannot be reached is told later. */
import type { Holds } from '../../embedded/holds.ts';
import { BlobSeerError } from '../../errors.ts';
import type { Row, Store } from '../../store.ts';
import type { DataProviders } from '../data-provider.ts';
import type { MetadataProviders } from '../metadata-providers.ts';
import type { Address } from '../remote-error.ts';
import type { Transport } from '../transport.ts';
import { maxKeysPerRelease, type RemoteTimings, releasesAtOnce } from './limits.ts';
import type { ProviderNumbers } from './provider-numbers.ts';
import {
  type DeferredRecord,
  decodeDeferred,
  decodeHostKey,
  type HostName,
  hostKeyBytes,
} from './records.ts';
import type { RemoteTables } from './tables.ts';

export interface DeferredCallsParts {
  readonly store: Store;
  readonly tables: RemoteTables;
  readonly holds: Holds;
  readonly numbers: ProviderNumbers;
  readonly dataProviders: DataProviders;
  readonly metadata: MetadataProviders;
  readonly transport: Pick<Transport, 'isEntity'>;
  readonly gateways: readonly Address[];
  readonly timings: RemoteTimings;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

export class DeferredCalls {
  readonly #parts: DeferredCallsParts;
  /** Hosts that could not be reached, by the beginning of their keys, and when to try again. */
  readonly #retryAtMs = new Map<string, number>();

  constructor(parts: DeferredCallsParts) {
    this.#parts = parts;
  }

  /**
   * A slice for each host, all at once: who does not answer keeps nobody else waiting. True when there may be
   * more that can be said. Throws, when all were told, what will not be better another time.
   */
  async slice(isStopping: () => boolean): Promise<boolean> {
    const failures: unknown[] = [];
    const more = await Promise.all(
      this.#hosts().map(async (prefix) => {
        const name = prefix.toString('hex');
        const { nowMs, timings } = this.#parts;
        if ((this.#retryAtMs.get(name) ?? 0) > nowMs()) return false;
        try {
          const hasMore = await this.#tell(prefix, isStopping);
          this.#retryAtMs.delete(name);
          return hasMore;
        } catch (error) {
          this.#retryAtMs.set(name, nowMs() + timings.retryMs);
          if (!isPassing(error)) failures.push(error);
          return false;
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return more.includes(true);
  }

  #hosts(): Buffer[] {
    const { store, tables } = this.#parts;
    store.refresh();
    const hosts: Buffer[] = [];
    for (let start: Buffer | undefined; ; ) {
      const [key] = tables.deferred.keys({ ...(start && { start }), limit: 1 });
      if (key === undefined) return hosts;
      const prefix = key.subarray(0, hostKeyBytes);
      hosts.push(prefix);
      start = Buffer.concat([prefix, Buffer.alloc(hostKeyBytes * 4, 0xff)]);
    }
  }

  async #tell(prefix: Buffer, isStopping: () => boolean): Promise<boolean> {
    const { store, tables, holds } = this.#parts;
    const end = Buffer.concat([prefix, Buffer.alloc(hostKeyBytes * 4, 0xff)]);
    // While a checkpoint is made nothing is released: what it names may not be copied yet.
    const isHeld = holds.stand();
    const rows = tables.deferred
      .range({ start: prefix, end, limit: releasesAtOnce })
      .filter(({ value }) => !isHeld || decodeDeferred(value).call === 'put');
    if (rows.length === 0) return false;
    const host = decodeHostKey(prefix);
    for (const { call, items, keys } of messagesOf(rows)) {
      if (isStopping()) return false;
      await this.#say(host, { call, items });
      await store.commit((transaction) => {
        for (const key of keys) transaction.remove(tables.deferred, key);
      });
    }
    return rows.length === releasesAtOnce;
  }

  /** The original keeps what it was given: a page's memory comes back, all else stays. */
  async #say(host: HostName, { call, items }: DeferredRecord): Promise<void> {
    const { dataProviders, metadata, gateways, numbers, transport } = this.#parts;
    if (call === 'put') {
      const pairs = items.flatMap((key, index) =>
        index % 2 === 0 ? [[key, items[index + 1]!] as const] : [],
      );
      await metadata.putOn(host.number, pairs);
      return;
    }
    const address = host.kind === 'gateway' ? gateways[host.number] : numbers.address(host.number);
    if (address === undefined) return;
    const isEntity = await transport.isEntity(address);
    if (call === 'release-pages') {
      if (isEntity) await dataProviders.release(address, items);
      else await dataProviders.bury(address, items);
    } else if (isEntity && call === 'release-writes') {
      await dataProviders.releaseWrites(address, items);
    } else if (isEntity && call === 'release-versions') {
      await metadata.releaseAllOn(host.number, items);
    } else if (isEntity) {
      await metadata.releaseOn(host.number, items);
    }
  }
}

/** The host is away, or full, which may pass. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof BlobSeerError)) return false;
  return error.kind === 'unavailable' || error.kind === 'no-space' || error.kind === 'stopped';
}

interface Message {
  readonly call: DeferredRecord['call'];
  readonly items: Uint8Array[];
  /** The rows that it says. */
  readonly keys: Uint8Array[];
}

/** Rows that follow each other and say the same are put into one call, as far as it may be long. */
function messagesOf(rows: readonly Row[]): Message[] {
  const messages: Message[] = [];
  for (const { key, value } of rows) {
    const { call, items } = decodeDeferred(value);
    const last = messages.at(-1);
    if (last?.call === call && last.items.length + items.length <= maxKeysPerRelease) {
      last.items.push(...items);
      last.keys.push(key);
    } else {
      messages.push({ call, items: [...items], keys: [key] });
    }
  }
  return messages;
}
