/**
 * The metadata providers as one store: keys placed by the original's hash over the gateways list,
 * each on `replication` of them. Calls are batched: one per gateway and step, as far as they are small.
 *
 * Unlike the original's client this one asks the next replica also when one has no value: a metadata
 * provider that came back empty must not hide what others still have.
 */
import { BlobSeerError } from '../errors.ts';
import { addressOf, providerAt } from './provider-manager.ts';
import type { Address } from './remote-error.ts';
import { readReplicas } from './replica-read.ts';
import type { CallOptions, Transport } from './transport.ts';
import { type KeyValue, metadataProviderCalls } from './wire/messages.ts';
import { gatewaysOf } from './wire/placement.ts';
import {
  decodeProviders,
  decodeTreeNode,
  encodePageProviders,
  encodeSegment,
  encodeTreeNode,
  maxProviderBytes,
  type Segment,
  type TreeNode,
} from './wire/records.ts';
import { maxReleased, nodeStorageCalls, versionPrefixBytes } from './wire/storage-calls.ts';
import { type NodeRecord, type NodeWalk, runWalk } from './wire/tree.ts';

/** A metadata provider does one thing at a time: larger batches would keep all others waiting. */
const maxBatch = 256;
/** Providers of a page that anybody ever lists, twice over. */
const maxListedProviders = 512;
const maxValueBytes = 128 + maxListedProviders * maxProviderBytes;

export interface MetadataOptions {
  /** In the order that all clients of the deployment have in their configuration. */
  readonly gateways: readonly Address[];
  readonly replication: number;
  /** A gateway that has not answered by then is not waited for where others will do. */
  readonly slowMs?: number;
  /** One that failed is asked last for so long. */
  readonly suspectMs?: number;
  /** A clock that only rises. */
  readonly nowMs?: () => number;
}

export interface PageRecord {
  readonly key: Uint8Array;
  readonly providers: readonly Address[];
}

/** Records that a gateway should have and did not take: others have them. */
export interface MissedRecords {
  /** Its place in the list. */
  readonly gateway: number;
  readonly pairs: readonly KeyValue[];
}

/** What a batch for one gateway does to the keys at these positions. */
type Batch = readonly [gateway: number, positions: readonly number[]];

/** Made once. */
const notNeeded = new Error('others were faster');
const defaults = { slowMs: 1500, suspectMs: 10_000 };

export class MetadataProviders {
  readonly #transport: Transport;
  readonly #gateways: readonly Address[];
  readonly #replication: number;
  readonly #slowMs: number;
  readonly #suspectMs: number;
  readonly #nowMs: () => number;
  /** Gateways that failed, and until when that counts. */
  readonly #suspects = new Map<number, number>();

  constructor(transport: Transport, options: MetadataOptions) {
    const { gateways, replication, nowMs } = options;
    if (gateways.length === 0 || !(Number.isInteger(replication) && replication >= 1)) {
      throw new BlobSeerError(
        'invalid-argument',
        `no metadata on ${gateways.length} gateways, ${replication} times each`,
      );
    }
    this.#transport = transport;
    this.#gateways = gateways;
    this.#replication = replication;
    this.#slowMs = options.slowMs ?? defaults.slowMs;
    this.#suspectMs = options.suspectMs ?? defaults.suspectMs;
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  /**
   * Stores tree nodes and lists of pages' providers. Resolves to what did not reach all of its replicas,
   * for the caller to tell them later; throws when one of the records found no replica at all.
   */
  put(
    records: { readonly nodes?: readonly NodeRecord[]; readonly pages?: readonly PageRecord[] },
    options?: CallOptions,
  ): Promise<MissedRecords[]> {
    const { archiveVersion } = this.#transport;
    const pairs: KeyValue[] = [];
    for (const { key, providers } of records.pages ?? []) {
      pairs.push([key, encodePageProviders(providers.map(providerAt), archiveVersion)]);
    }
    for (const { segment, node } of records.nodes ?? []) {
      const key = encodeSegment(segment, archiveVersion);
      pairs.push([key, encodeTreeNode(node, archiveVersion)]);
    }
    return this.#put(pairs, options);
  }

  /** Tree nodes in the order asked for; undefined for those that no replica has. */
  async nodes(
    segments: readonly Segment[],
    options?: CallOptions,
  ): Promise<(TreeNode | undefined)[]> {
    const keys = segments.map((segment) => encodeSegment(segment, this.#transport.archiveVersion));
    const values = await this.#get(keys, options);
    return values.map((value, position) => {
      return readAs(decodeTreeNode, value, nameOf(segments[position]!));
    });
  }

  /**
   * Runs an algorithm on trees, a step per level. A node that another one names and no replica has is
   * damage, not a hole: it throws `corrupt`.
   */
  run<Result>(walk: NodeWalk<Result>, options?: CallOptions): Promise<Result> {
    return runWalk(walk, async (segments) => {
      const nodes = await this.nodes(segments, options);
      return nodes.map((node, position) => {
        if (node !== undefined) return node;
        throw new BlobSeerError('corrupt', `${nameOf(segments[position]!)} is missing`);
      });
    });
  }

  /** Where pages are, in the order asked for; undefined for those that no replica knows. */
  async pages(
    keys: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<(Address[] | undefined)[]> {
    const values = await this.#get(keys, options);
    return values.map((value, position) => {
      const name = `list of page ${Buffer.from(keys[position]!).toString('hex')}`;
      return readAs((bytes) => decodeProviders(bytes).map(addressOf), value, name);
    });
  }

  /** Stores pairs on one gateway, as told by `put` before. */
  async putOn(gateway: number, pairs: readonly KeyValue[], options?: CallOptions): Promise<void> {
    await this.#transport.call(this.#address(gateway), metadataProviderCalls.write, pairs, options);
  }

  /** Where nodes, and lists of pages' providers, are: keys by gateway. */
  placesOf(segments: readonly Segment[], pageKeys: readonly Buffer[]): Map<number, Buffer[]> {
    const { archiveVersion } = this.#transport;
    const places = new Map<number, Buffer[]>();
    const keys = [
      ...segments.map((segment) => encodeSegment(segment, archiveVersion)),
      ...pageKeys,
    ];
    for (const key of keys) {
      for (const gateway of gatewaysOf(key, this.#replication, this.#gateways.length)) {
        const list = places.get(gateway);
        if (list === undefined) places.set(gateway, [key]);
        else list.push(key);
      }
    }
    return places;
  }

  /**
   * Releases nodes and lists on one gateway, by their keys, for ever; what is not there is passed over. The
   * original has no such call and ends the connection: `unavailable`.
   */
  async releaseOn(
    gateway: number,
    keys: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<void> {
    for (let from = 0; from < keys.length; from += maxReleased) {
      const some = keys.slice(from, from + maxReleased);
      await this.#transport.call(this.#address(gateway), nodeStorageCalls.release, some, options);
    }
  }

  /**
   * Releases on one gateway all nodes of versions and all lists of writes, for ever: what is still under way from
   * a client that died is not stored any more. The original has no such call: `unavailable`.
   */
  async releaseAllOn(
    gateway: number,
    prefixes: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<void> {
    const at = this.#address(gateway);
    await this.#transport.call(at, nodeStorageCalls.releaseAll, prefixes, options);
  }

  /** What the keys of all nodes of a version begin with. */
  versionPrefix({ blobId, version }: Pick<Segment, 'blobId' | 'version'>): Buffer {
    const segment = { blobId, version, offset: 0, size: 0 };
    const { archiveVersion } = this.#transport;
    return encodeSegment(segment, archiveVersion).subarray(0, versionPrefixBytes);
  }

  /**
   * At most `limit` keys behind `after` on one gateway, in order: of tree nodes (`decodeSegment`), and of
   * pages. Fewer than that are the last ones. The original has no such call: `unavailable`.
   */
  async listNodes(
    gateway: number,
    after: Uint8Array | undefined,
    limit: number,
    options?: CallOptions,
  ): Promise<readonly Buffer[]> {
    const at = this.#address(gateway);
    return await this.#transport.call(at, nodeStorageCalls.list, { after, limit }, options);
  }

  #address(gateway: number): Address {
    const address = this.#gateways[gateway];
    if (address !== undefined) return address;
    throw new BlobSeerError('invalid-argument', `there is no metadata provider ${gateway}`);
  }

  #isSuspect(gateway: number): boolean {
    return (this.#suspects.get(gateway) ?? 0) > this.#nowMs();
  }

  #suspect(gateway: number): void {
    this.#suspects.set(gateway, this.#nowMs() + this.#suspectMs);
  }

  /** First those that answered last time; the others where a record found none of them. */
  async #put(pairs: readonly KeyValue[], options: CallOptions = {}): Promise<MissedRecords[]> {
    const missing = new Map<number, Set<number>>();
    for (const [position, [key]] of pairs.entries()) {
      for (const gateway of gatewaysOf(key, this.#replication, this.#gateways.length)) {
        const positions = missing.get(gateway);
        if (positions === undefined) missing.set(gateway, new Set([position]));
        else positions.add(position);
      }
    }
    const stored = new Set<number>();
    let failure: unknown;
    const rounds = [
      [...missing.keys()].filter((gateway) => !this.#isSuspect(gateway)),
      [...missing.keys()].filter((gateway) => this.#isSuspect(gateway)),
    ];
    for (const round of rounds) {
      if (stored.size === pairs.length) break;
      const batches = new Map(round.map((gateway) => [gateway, [...missing.get(gateway)!]]));
      await this.#untilEnough(
        options,
        () => stored.size === pairs.length,
        (signal) =>
          this.#inBatches(batches, async ([gateway, batch]) => {
            try {
              const request = batch.map((position) => pairs[position]!);
              await this.putOn(gateway, request, { ...options, signal });
              for (const position of batch) {
                stored.add(position);
                missing.get(gateway)!.delete(position);
              }
            } catch (error) {
              failure ??= error;
              if (options.signal?.aborted !== true) this.#suspect(gateway);
            }
          }),
      );
      options.signal?.throwIfAborted();
    }
    if (stored.size < pairs.length) throw failure;
    return [...missing]
      .filter(([, positions]) => positions.size > 0)
      .map(([gateway, positions]) => ({
        gateway,
        pairs: [...positions].map((position) => pairs[position]!),
      }));
  }

  /** Ends what runs when it is slow and what is done is enough. */
  async #untilEnough(
    { signal }: CallOptions,
    isEnough: () => boolean,
    run: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const ended = new AbortController();
    const onAbort = (): void => ended.abort(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const poll = setInterval(() => {
      if (isEnough()) ended.abort(notNeeded);
    }, this.#slowMs);
    try {
      await run(ended.signal);
    } finally {
      clearInterval(poll);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #get(keys: readonly Uint8Array[], options: CallOptions = {}): Promise<(Buffer | undefined)[]> {
    return readReplicas(
      {
        places: keys.map((key) => this.#trustedFirst(key)),
        maxBatch,
        slowMs: this.#slowMs,
        ask: (gateway, positions, signal) => {
          const request = { keys: positions.map((position) => keys[position]!), maxValueBytes };
          const { read } = metadataProviderCalls;
          return this.#transport.call(this.#address(gateway), read, request, {
            ...options,
            signal,
          });
        },
        suspect: (gateway) => this.#suspect(gateway),
      },
      options,
    );
  }

  #trustedFirst(key: Uint8Array): number[] {
    const places = gatewaysOf(key, this.#replication, this.#gateways.length);
    return [
      ...places.filter((gateway) => !this.#isSuspect(gateway)),
      ...places.filter((gateway) => this.#isSuspect(gateway)),
    ];
  }

  async #inBatches(
    positions: ReadonlyMap<number, readonly number[]>,
    run: (batch: Batch) => Promise<void>,
  ): Promise<void> {
    const running: Promise<void>[] = [];
    for (const [gateway, all] of positions) {
      for (let from = 0; from < all.length; from += maxBatch) {
        running.push(run([gateway, all.slice(from, from + maxBatch)]));
      }
    }
    await Promise.all(running);
  }
}

const nameOf = ({ blobId, version, offset, size }: Segment): string =>
  `node ${blobId}/${version}/${offset}+${size}`;

function readAs<Value>(
  decode: (bytes: Buffer) => Value,
  bytes: Buffer | undefined,
  name: string,
): Value | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decode(bytes);
  } catch (cause) {
    throw new BlobSeerError('corrupt', `${name}: ${(cause as Error).message}`, { cause });
  }
}
