/**
 * The metadata provider: tree nodes and lists of pages' providers, by key, durable before the answer.
 * The last write of a key wins. As in the original a tree node counts how often it was read: a write
 * sets its count to 0, a read raises it and answers the new one. The counts are hints, kept in memory.
 */
import type { Environment } from '../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import {
  type KeyValue,
  metadataProviderCalls,
  type Statistics,
  status,
} from '../../blobseer-client/remote/wire/messages.ts';
import { decodeTreeNode, nodeBytes } from '../../blobseer-client/remote/wire/records.ts';
import {
  type ListRequest,
  listLimits,
  maxStoredKeyBytes,
  nodeStorageCalls,
  releaseLimits,
} from '../../blobseer-client/remote/wire/storage-calls.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { type Answer, decoded, justStatus, type Method } from './method.ts';
import { Released } from './released.ts';
import { Counter, type EntityTable } from './state.ts';

/** The C++ client puts all keys of a write into one call: a node takes some 180 bytes. */
const maxRequestBytes = 256 * 2 ** 20;
const maxItems = 2 ** 20;
/** A list of a thousand providers. */
const maxMetadataValueBytes = 256 * 1024;
const maxAnswerBytes = 256 * 2 ** 20;
/** A node, or a list of two providers. */
const typicalValueBytes = 128;
/** Nodes whose reads are counted; the one counted first is forgotten first. */
const maxCounted = 100_000;
const countAt = nodeBytes - 4;
/** Pairs that one commit takes: longer ones would keep everybody waiting. */
const commitPairs = 1000;
/** A listed key, on its way to the one who asked. */
const listedKeyBytes = 96;

const limits = { maxItems, maxItemBytes: maxMetadataValueBytes, maxBytes: maxRequestBytes };

export interface MetadataProviderOptions {
  readonly state: Environment;
  readonly memory: MemoryBudget;
  /** Of keys and values together. */
  readonly spaceBytes: number;
  /** A clock that only rises. */
  readonly nowMs: () => number;
}

export class MetadataProvider {
  readonly methods: readonly Method[];
  readonly #state: Environment;
  readonly #memory: MemoryBudget;
  readonly #spaceBytes: number;
  readonly #entries: EntityTable;
  readonly #used: Counter;
  readonly #count: Counter;
  readonly #released: Released;
  readonly #readCounts = new Map<string, number>();

  constructor({ state, memory, spaceBytes, nowMs }: MetadataProviderOptions) {
    this.#state = state;
    this.#memory = memory;
    this.#spaceBytes = spaceBytes;
    this.#entries = state.table('entries');
    this.#used = new Counter(state.table('counters'), 'used');
    this.#count = new Counter(state.table('counters'), 'count');
    const { read, write, probe } = metadataProviderCalls;
    this.#released = new Released(nowMs);
    this.methods = [
      {
        name: write.name,
        number: write.number,
        limits,
        answer: (parameters) => this.#write(decoded(() => write.decodeRequest(parameters))),
      },
      this.#reading(read, true),
      this.#reading(probe, false),
      ...this.#storageMethods(),
    ];
  }

  /** `nodes`: tree nodes, and lists of pages' providers; `bytes`: of keys and values. */
  statistics(): Statistics {
    this.#state.refresh();
    const bytes = this.#used.value;
    const freeBytes = Math.max(0, this.#spaceBytes - bytes);
    return { nodes: this.#count.value, bytes, freeBytes };
  }

  #storageMethods(): Method[] {
    const { release, releaseAll, list } = nodeStorageCalls;
    return [
      {
        name: release.name,
        number: release.number,
        limits: releaseLimits,
        answer: (parameters) => this.#release(decoded(() => release.decodeRequest(parameters))),
      },
      {
        name: releaseAll.name,
        number: releaseAll.number,
        limits: releaseLimits,
        answer: (parameters) =>
          this.#releaseAll(decoded(() => releaseAll.decodeRequest(parameters))),
      },
      {
        name: list.name,
        number: list.number,
        limits: listLimits,
        answer: (parameters) => this.#list(decoded(() => list.decodeRequest(parameters))),
      },
    ];
  }

  #reading({ name, number }: Pick<Method, 'name' | 'number'>, isCounted: boolean): Method {
    return { name, number, limits, answer: (keys) => this.#read(keys, isCounted) };
  }

  async #write(pairs: readonly KeyValue[]): Promise<Answer> {
    const ready = pairs.map(([key, value]) => {
      checkKey(key);
      return [key, withoutCount(value)] as const;
    });
    for (let at = 0; at < ready.length; at += commitPairs) {
      if (await this.#store(ready.slice(at, at + commitPairs))) continue;
      return justStatus(status.noResources);
    }
    return justStatus(status.ok);
  }

  /** False when there was no room for all of them: those before are stored. */
  async #store(pairs: readonly KeyValue[]): Promise<boolean> {
    const stored = await this.#state.commit((transaction) => {
      let used = this.#used.value;
      let count = this.#count.value;
      let done = 0;
      for (const [key, value] of pairs) {
        if (this.#released.has(key)) {
          done++;
          continue;
        }
        const old = this.#entries.get(key);
        const grown = value.length - (old?.length ?? -key.length);
        if (grown > 0 && used + grown > this.#spaceBytes) break;
        used += grown;
        if (old === undefined) count++;
        transaction.put(this.#entries, key, value);
        done++;
      }
      this.#used.set(transaction, used);
      this.#count.set(transaction, count);
      return done;
    });
    for (const [key] of pairs.slice(0, stored)) this.#readCounts.delete(nameOf(key));
    return stored === pairs.length;
  }

  /** Whatever begins with one of these, a bounded number at a time. */
  async #releaseAll(prefixes: readonly Uint8Array[]): Promise<Answer> {
    this.#released.add(prefixes);
    for (const start of prefixes) {
      const end = Buffer.concat([start, Buffer.alloc(maxStoredKeyBytes, 0xff)]);
      for (;;) {
        this.#state.refresh();
        const keys = this.#entries.keys({ start, end, limit: commitPairs });
        if (keys.length === 0) break;
        await this.#release(keys);
      }
    }
    return justStatus(status.ok);
  }

  async #release(keys: readonly Uint8Array[]): Promise<Answer> {
    this.#released.add(keys);
    for (let at = 0; at < keys.length; at += commitPairs) {
      const some = keys.slice(at, at + commitPairs);
      await this.#state.commit((transaction) => {
        let used = this.#used.value;
        let count = this.#count.value;
        for (const key of some) {
          const old = this.#entries.get(key);
          if (old === undefined) continue;
          used -= key.length + old.length;
          count--;
          transaction.remove(this.#entries, key);
        }
        this.#used.set(transaction, used);
        this.#count.set(transaction, count);
      });
      for (const key of some) this.#readCounts.delete(nameOf(key));
    }
    return justStatus(status.ok);
  }

  async #list({ limit, after }: ListRequest): Promise<Answer> {
    const reserved = limit * listedKeyBytes;
    await this.#memory.reserve(reserved);
    const release = () => this.#memory.free(reserved);
    try {
      this.#state.refresh();
      const range = after === undefined ? {} : { start: Buffer.concat([after, Buffer.of(0)]) };
      const results = this.#entries.keys({ ...range, limit });
      return { status: status.ok, results, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  async #read(keys: readonly Buffer[], isCounted: boolean): Promise<Answer> {
    if (keys.length === 0) return justStatus(status.badArguments);
    keys.forEach(checkKey);
    let reserved = Math.min(keys.length * typicalValueBytes, maxAnswerBytes);
    await this.#memory.reserve(reserved);
    const release = () => this.#memory.free(reserved);
    try {
      this.#state.refresh();
      const values: Buffer[] = [];
      // A key named twice in a call is counted once, as the original does.
      const counted = isCounted ? new Set<string>() : undefined;
      let bytes = 0;
      for (const key of keys) {
        const value = this.#entries.get(key);
        bytes += value?.length ?? 0;
        while (bytes > reserved) {
          const more = Math.min(reserved, maxAnswerBytes - reserved);
          if (more === 0 || !this.#memory.tryReserve(more)) {
            release();
            return justStatus(status.noResources);
          }
          reserved += more;
        }
        values.push(value === undefined ? Buffer.alloc(0) : this.#withCount(key, value, counted));
      }
      const isComplete = values.every(({ length }) => length > 0);
      return { status: isComplete ? status.ok : status.unknown, results: values, release };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** `value` is a copy of ours; `counted`: the keys that this read has counted. */
  #withCount(key: Buffer, value: Buffer, counted: Set<string> | undefined): Buffer {
    if (!isTreeNode(value)) return value;
    const name = nameOf(key);
    let count = this.#readCounts.get(name) ?? 0;
    if (counted !== undefined && !counted.has(name)) {
      counted.add(name);
      count = (count + 1) % 2 ** 32;
      this.#remember(name, count);
    }
    value.writeUInt32LE(count, countAt);
    return value;
  }

  #remember(name: string, count: number): void {
    if (this.#readCounts.size >= maxCounted && !this.#readCounts.has(name)) {
      const [first] = this.#readCounts.keys();
      if (first !== undefined) this.#readCounts.delete(first);
    }
    this.#readCounts.set(name, count);
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');

function checkKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > maxStoredKeyBytes) {
    throw new BlobSeerError('invalid-argument', `a metadata key of ${key.length} bytes`);
  }
}

function withoutCount(value: Uint8Array): Uint8Array {
  if (!isTreeNode(value)) return value;
  const node = Buffer.from(value);
  node.writeUInt32LE(0, countAt);
  return node;
}

/**
 * The original takes more for a tree node than this, and damages it, whatever archive has that length.
 * What it would store and this does not touch comes back as it was written.
 */
function isTreeNode(value: Uint8Array): boolean {
  if (value.length !== nodeBytes) return false;
  try {
    decodeTreeNode(value);
    return true;
  } catch (error) {
    if (error instanceof BlobSeerError) return false;
    throw error;
  }
}
