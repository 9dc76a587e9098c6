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
}

export interface PageRecord {
  readonly key: Uint8Array;
  readonly providers: readonly Address[];
}

/** What a batch for one gateway does to the keys at these positions. */
type Batch = readonly [gateway: number, positions: readonly number[]];

export class MetadataProviders {
  readonly #transport: Transport;
  readonly #gateways: readonly Address[];
  readonly #replication: number;

  constructor(transport: Transport, { gateways, replication }: MetadataOptions) {
    if (gateways.length === 0 || !(Number.isInteger(replication) && replication >= 1)) {
      throw new BlobSeerError(
        'invalid-argument',
        `no metadata on ${gateways.length} gateways, ${replication} times each`,
      );
    }
    this.#transport = transport;
    this.#gateways = gateways;
    this.#replication = replication;
  }

  /**
   * Stores tree nodes and lists of pages' providers. Resolves to the least number of replicas that one of
   * them found; throws when one found none.
   */
  put(
    records: { readonly nodes?: readonly NodeRecord[]; readonly pages?: readonly PageRecord[] },
    options?: CallOptions,
  ): Promise<number> {
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

  async #put(pairs: readonly KeyValue[], options?: CallOptions): Promise<number> {
    const positions = new Map<number, number[]>();
    for (const [position, [key]] of pairs.entries()) {
      for (const gateway of gatewaysOf(key, this.#replication, this.#gateways.length)) {
        append(positions, gateway, position);
      }
    }
    const stored = new Array<number>(pairs.length).fill(0);
    let failure: unknown;
    await this.#inBatches(positions, async ([gateway, batch]) => {
      try {
        const request = batch.map((position) => pairs[position]!);
        const at = this.#gateways[gateway]!;
        await this.#transport.call(at, metadataProviderCalls.write, request, options);
        for (const position of batch) stored[position]!++;
      } catch (error) {
        failure ??= error;
      }
    });
    let least = this.#replication;
    for (const replicas of stored) least = Math.min(least, replicas);
    if (least === 0) throw failure;
    return least;
  }

  /** Replica by replica: what one lacks or does not answer is asked of the next. */
  async #get(keys: readonly Uint8Array[], options?: CallOptions): Promise<(Buffer | undefined)[]> {
    const places = keys.map((key) => gatewaysOf(key, this.#replication, this.#gateways.length));
    const values = new Array<Buffer | undefined>(keys.length).fill(undefined);
    /** By position: a replica that could not be asked, so that missing elsewhere means nothing. */
    const failures = new Map<number, unknown>();
    let open = keys.map((_, position) => position);
    for (let replica = 0; replica < this.#replication && open.length > 0; replica++) {
      const positions = new Map<number, number[]>();
      for (const position of open) {
        const gateway = places[position]![replica];
        if (gateway !== undefined) append(positions, gateway, position);
      }
      await this.#inBatches(positions, async ([gateway, batch]) => {
        try {
          const request = { keys: batch.map((position) => keys[position]!), maxValueBytes };
          const at = this.#gateways[gateway]!;
          const found = await this.#transport.call(
            at,
            metadataProviderCalls.read,
            request,
            options,
          );
          for (const [index, position] of batch.entries()) values[position] = found[index];
        } catch (error) {
          for (const position of batch) failures.set(position, error);
        }
      });
      options?.signal?.throwIfAborted();
      open = open.filter((position) => values[position] === undefined);
    }
    for (const position of open) if (failures.has(position)) throw failures.get(position);
    return values;
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

function append(lists: Map<number, number[]>, index: number, value: number): void {
  const list = lists.get(index);
  if (list === undefined) lists.set(index, [value]);
  else list.push(value);
}

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
