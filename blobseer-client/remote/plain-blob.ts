/**
 * A blob as BlobSeer's own clients have it: shared with them, its versions those of the version manager. For jobs
 * inside the cloud, and for what others wrote; a gateway's blobs are written by gateways alone. As the
 * original's client, it writes whole pages, so that everybody can append behind them.
 */
import { randomBytes } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import { BlobSeerError } from '../errors.ts';
import type { DataProviders } from './data-provider.ts';
import type { MetadataProviders, PageRecord } from './metadata-providers.ts';
import type { ProviderManager } from './provider-manager.ts';
import type { Address } from './remote-error.ts';
import type { CallOptions } from './transport.ts';
import { type OwnTicket, type VersionManager, WritableBlob } from './version-manager.ts';
import { makePageKey, writeIdBytes } from './wire/page-key.ts';
import type { Root } from './wire/records.ts';
import { pageKeysOf } from './wire/tree.ts';
import { weave } from './wire/weave.ts';

export interface PlainBlobParts {
  readonly versionManager: VersionManager;
  readonly providerManager: Pick<ProviderManager, 'providers'>;
  readonly dataProviders: Pick<DataProviders, 'read' | 'write'>;
  readonly metadata: Pick<MetadataProviders, 'pages' | 'put' | 'run'>;
}

export interface PlainVersion {
  readonly version: number;
  /** Where the bytes went. */
  readonly offset: number;
}

/** Pages in one call, in bytes. */
const batchBytes = 2 ** 20;

export class PlainBlob {
  readonly id: number;
  readonly pageSize: number;
  readonly #parts: PlainBlobParts;
  readonly #blob: WritableBlob;
  readonly #replicas: number;

  private constructor(parts: PlainBlobParts, blob: WritableBlob, replicas: number) {
    this.#parts = parts;
    this.#blob = blob;
    this.#replicas = replicas;
    this.id = blob.blobId;
    this.pageSize = blob.pageSize;
  }

  static async create(
    parts: PlainBlobParts,
    { pageSize, replicas }: { readonly pageSize: number; readonly replicas: number },
    options?: CallOptions,
  ): Promise<PlainBlob> {
    const newBlob = { pageSize, ftInfo: replicas };
    return new PlainBlob(parts, await parts.versionManager.create(newBlob, options), replicas);
  }

  /** Throws `not-found`. */
  static async open(parts: PlainBlobParts, id: number, options?: CallOptions): Promise<PlainBlob> {
    const root = await parts.versionManager.newestRoot(id, options);
    if (root === undefined) throw new BlobSeerError('not-found', `there is no blob ${id}`);
    return new PlainBlob(parts, WritableBlob.of(id, root), root.ftInfo);
  }

  /** A new blob that begins as a version of this one (0: the newest); no page moves. */
  async clone(version = 0, options?: CallOptions): Promise<PlainBlob> {
    const { blob } = await this.#parts.versionManager.clone(this.id, version, options);
    return new PlainBlob(this.#parts, blob, this.#replicas);
  }

  /** Behind all that was ever appended, wherever that is when its turn comes. */
  append(bytes: Uint8Array, options?: CallOptions): Promise<PlainVersion> {
    const take = () => this.#parts.versionManager.appendTicket(this.#blob, bytes.length, options);
    return this.#write(bytes, take, options);
  }

  /** Whole pages over those from `offset` on. */
  async writeAt(offset: number, bytes: Uint8Array, options?: CallOptions): Promise<PlainVersion> {
    this.#checkWhole('an offset', offset);
    const { versionManager } = this.#parts;
    const take = () => versionManager.writeTicket(this.#blob, offset, bytes.length, options);
    return await this.#write(bytes, take, options);
  }

  /** The ticket comes last before metadata: once it is taken the version must be published. */
  async #write(
    bytes: Uint8Array,
    takeTicket: () => Promise<OwnTicket>,
    options: CallOptions | undefined,
  ): Promise<PlainVersion> {
    this.#checkWhole('a length', bytes.length);
    if (bytes.length === 0)
      throw new BlobSeerError('invalid-argument', 'there is nothing to write');
    const { metadata, versionManager } = this.#parts;
    const pages = await this.#storePages(bytes, options);
    const { interval, root, pending, stableRoot } = await takeTicket();
    const nodes = await metadata.run(
      weave({
        interval,
        pageSize: this.pageSize,
        rootSize: root.node.size,
        pageKeys: pages.map(({ key }) => key),
        pending,
        stableRoot: stableRoot.node,
      }),
      options,
    );
    await metadata.put({ nodes, pages }, options);
    if (!(await versionManager.publish(interval, options))) {
      const what = `version ${interval.version} of blob ${this.id} was closed by somebody else`;
      throw new BlobSeerError('conflict', what);
    }
    return { version: interval.version, offset: interval.offset };
  }

  async #storePages(
    bytes: Uint8Array,
    options: CallOptions | undefined,
  ): Promise<(PageRecord & { readonly key: Buffer })[]> {
    const { providerManager, dataProviders } = this.#parts;
    const { pageSize } = this;
    const writeId = randomBytes(writeIdBytes);
    const perBatch = Math.max(1, Math.floor(batchBytes / pageSize));
    const batches = Math.ceil(bytes.length / pageSize / perBatch);
    const groups = await providerManager.providers(batches, this.#replicas, options);
    const stored = await Promise.all(
      groups.map(async (providers, batch) => {
        const first = batch * perBatch;
        const from = bytes.subarray(first * pageSize, (first + perBatch) * pageSize);
        const writes = Array.from({ length: from.length / pageSize }, (_, index) => {
          const page = from.subarray(index * pageSize, (index + 1) * pageSize);
          return { key: makePageKey(writeId, first + index, crc32c(page)), page };
        });
        const taken = await Promise.allSettled(
          providers.map((at) => dataProviders.write(at, writes, options)),
        );
        const failed = taken.find(({ status }) => status === 'rejected');
        if (failed?.status === 'rejected') throw failed.reason;
        return writes.map(({ key }) => ({ key, providers }));
      }),
    );
    return stored.flat();
  }

  /** The newest visible version: as `root.node` names it, of a clone before its first write another blob's. */
  async latest(options?: CallOptions): Promise<Root> {
    const root = await this.#parts.versionManager.newestRoot(this.id, options);
    if (root !== undefined) return root;
    throw new BlobSeerError('not-found', `there is no blob ${this.id} any more`);
  }

  /**
   * Bytes of a version that is visible (0: the newest), whoever wrote it; zeros where nobody wrote. Throws
   * `not-found`, and `invalid-argument` past the version's end.
   */
  async read(
    version: number,
    range: { readonly offset: number; readonly length: number },
    options?: CallOptions,
  ): Promise<Buffer> {
    const root =
      version === 0
        ? await this.latest(options)
        : await this.#parts.versionManager.publishedRoot(this.id, version, options);
    if (root === undefined) {
      throw new BlobSeerError('not-found', `blob ${this.id} has no version ${version}`);
    }
    const { offset, length } = range;
    const end = offset + length;
    if (!(offset >= 0 && length >= 0 && end <= root.currentSize)) {
      const what = `${length} bytes from ${offset} are not inside ${root.currentSize} bytes`;
      throw new BlobSeerError('invalid-argument', what);
    }
    const bytes = Buffer.alloc(length);
    if (length === 0) return bytes;
    const { pageSize } = this;
    const first = Math.floor(offset / pageSize);
    const count = Math.ceil(end / pageSize) - first;
    const { metadata } = this.#parts;
    const keys = await metadata.run(pageKeysOf(root.node, pageSize, first, count), options);
    const present = keys.flatMap((key, index) => (key === null ? [] : [{ key, index }]));
    const places = await metadata.pages(
      present.map(({ key }) => key),
      options,
    );
    await Promise.all(
      present.map(async ({ key, index }, at) => {
        const page = await this.#readPage(key, places[at] ?? [], options);
        const start = (first + index) * pageSize;
        page.copy(bytes, Math.max(0, start - offset), Math.max(0, offset - start));
      }),
    );
    return bytes;
  }

  /** From whichever of its providers answers with the right bytes. */
  async #readPage(
    key: Buffer,
    providers: readonly Address[],
    options: CallOptions | undefined,
  ): Promise<Buffer> {
    let failure: unknown;
    for (const at of providers) {
      try {
        const [page] = await this.#parts.dataProviders.read(at, [key], this.pageSize, options);
        if (page !== undefined) return page;
      } catch (error) {
        failure = error;
      }
    }
    throw failure ?? new BlobSeerError('corrupt', `page ${key.toString('hex')} is on no provider`);
  }

  #checkWhole(what: string, bytes: number): void {
    if (Number.isSafeInteger(bytes) && bytes >= 0 && bytes % this.pageSize === 0) return;
    const message = `${what} of ${bytes} bytes is no whole number of pages of ${this.pageSize}`;
    throw new BlobSeerError('invalid-argument', message);
  }
}
