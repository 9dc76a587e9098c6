/** The data provider: pages by key. Neither keys nor lengths are compared with what is stored. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { ProviderReport, Statistics } from '../../blobseer-client/remote/wire/messages.ts';
import {
  dataProviderCalls,
  maxValueBytes,
  status,
} from '../../blobseer-client/remote/wire/messages.ts';
import { pageKeyBytes } from '../../blobseer-client/remote/wire/records.ts';
import {
  listLimits,
  maxStoredKeyBytes,
  pageStorageCalls,
  releaseLimits,
} from '../../blobseer-client/remote/wire/storage-calls.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { type Answer, decoded, justStatus, type Method } from './method.ts';
import type { PageStore } from './page-store.ts';
import { Released } from './released.ts';

/** Of one call. */
const maxItems = 4096;
/** A page of the largest size, with its key. */
const maxRequestBytes = maxValueBytes + 2 ** 20;
const maxAnswerBytes = maxValueBytes;

const writeLimits = { maxItems, maxItemBytes: maxValueBytes, maxBytes: maxRequestBytes };
/** A listed page, with its length, on its way to the one who asked. */
const listedPageBytes = 64;
const readLimits = {
  maxItems,
  maxItemBytes: maxStoredKeyBytes,
  maxBytes: maxItems * maxStoredKeyBytes,
};

export class DataProvider {
  readonly methods: readonly Method[];
  readonly #pages: PageStore;
  readonly #memory: MemoryBudget;
  readonly #released: Released;
  #pagesRead = 0;
  #bytesRead = 0;

  constructor(pages: PageStore, memory: MemoryBudget, nowMs: () => number) {
    this.#pages = pages;
    this.#memory = memory;
    this.#released = new Released(nowMs);
    const { read, write, readPartial } = dataProviderCalls;
    this.methods = [
      {
        name: write.name,
        number: write.number,
        limits: writeLimits,
        answer: async (parameters) => {
          const pairs = decoded(() => write.decodeRequest(parameters));
          for (const [key] of pairs) checkKey(key);
          const areStored = await pages.write(pairs, (key) => !this.#released.has(key));
          return justStatus(areStored ? status.ok : status.noResources);
        },
      },
      {
        name: read.name,
        number: read.number,
        limits: readLimits,
        answer: (keys) => this.#read(keys),
      },
      {
        name: readPartial.name,
        number: readPartial.number,
        limits: readLimits,
        answer: (parameters) => {
          const { key, offset, size } = decoded(() => readPartial.decodeRequest(parameters));
          return this.#readPart(key, offset, size);
        },
      },
      ...this.#storageMethods(),
    ];
  }

  /** What to tell the provider manager; counts begin anew with each report. */
  async report(service: string): Promise<ProviderReport> {
    const freeBytes = await this.#pages.freeBytes();
    const report = { freeBytes, pagesRead: this.#pagesRead, bytesRead: this.#bytesRead, service };
    this.#pagesRead = 0;
    this.#bytesRead = 0;
    return report;
  }

  /** `bytes`: of pages; `deadBytes`: on the disk, of pages that nobody wants any more. */
  async statistics(): Promise<Statistics> {
    return {
      pages: this.#pages.pageCount,
      bytes: this.#pages.usedBytes,
      freeBytes: await this.#pages.freeBytes(),
      segments: this.#pages.segmentCount,
      deadBytes: this.#pages.deadBytes,
    };
  }

  #storageMethods(): Method[] {
    const { release, releaseWrites, list } = pageStorageCalls;
    return [
      {
        name: release.name,
        number: release.number,
        limits: releaseLimits,
        answer: async (parameters) => {
          const keys = decoded(() => release.decodeRequest(parameters));
          this.#released.add(keys);
          await this.#pages.release(keys);
          return justStatus(status.ok);
        },
      },
      {
        name: releaseWrites.name,
        number: releaseWrites.number,
        limits: releaseLimits,
        answer: async (parameters) => {
          const writeIds = decoded(() => releaseWrites.decodeRequest(parameters));
          this.#released.add(writeIds);
          await this.#pages.releasePrefixes(writeIds, pageKeyBytes);
          return justStatus(status.ok);
        },
      },
      {
        name: list.name,
        number: list.number,
        limits: listLimits,
        answer: (parameters) => {
          const { after, limit } = decoded(() => list.decodeRequest(parameters));
          return this.#withMemory(limit * listedPageBytes, async () => {
            const pages = await this.#pages.list(after, limit);
            return { status: status.ok, results: list.encodeAnswer(pages, 0) };
          });
        },
      },
    ];
  }

  async #read(keys: readonly Buffer[]): Promise<Answer> {
    if (keys.length === 0) return justStatus(status.badArguments);
    keys.forEach(checkKey);
    let bytes = 0;
    for (const key of keys) bytes += this.#pages.length(key) ?? 0;
    if (bytes > maxAnswerBytes) return justStatus(status.noResources);
    return this.#withMemory(bytes, async () => {
      const found = await this.#pages.readAll(keys);
      const isComplete = found.every((page) => page !== undefined);
      for (const page of found) if (page !== undefined) this.#count(page);
      return {
        status: isComplete ? status.ok : status.unknown,
        results: found.map((page) => page ?? Buffer.alloc(0)),
      };
    });
  }

  async #readPart(key: Uint8Array, offset: number, size: number): Promise<Answer> {
    checkKey(key);
    const length = this.#pages.length(key);
    if (length === undefined || size === 0 || offset > length || size > length - offset) {
      return justStatus(status.unknown);
    }
    return this.#withMemory(size, async () => {
      const bytes = await this.#pages.read(key, { offset, size });
      if (bytes === undefined) return justStatus(status.unknown);
      this.#count(bytes);
      return { status: status.ok, results: [bytes] };
    });
  }

  async #withMemory(bytes: number, read: () => Promise<Answer>): Promise<Answer> {
    await this.#memory.reserve(bytes);
    const release = () => this.#memory.free(bytes);
    try {
      return { ...(await read()), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #count(page: Buffer): void {
    this.#pagesRead++;
    this.#bytesRead += page.length;
  }
}

function checkKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > maxStoredKeyBytes) {
    throw new BlobSeerError('invalid-argument', `a page key of ${key.length} bytes`);
  }
}
