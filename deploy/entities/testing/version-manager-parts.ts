/** A version manager whose clock a test sets, called without sockets, over metadata providers as a model. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Environment } from '../../../blobseer-client/embedded/environment.ts';
import { BlobSeerError } from '../../../blobseer-client/errors.ts';
import { MetadataModel } from '../../../blobseer-client/remote/testing/metadata-model.ts';
import {
  newKey,
  type Pages,
  pageSize,
} from '../../../blobseer-client/remote/testing/repair-world.ts';
import type { RepairTools } from '../../../blobseer-client/remote/unchanged-version.ts';
import { type Call, versionManagerCalls } from '../../../blobseer-client/remote/wire/messages.ts';
import type { Root, Ticket } from '../../../blobseer-client/remote/wire/records.ts';
import { type NodeRecord, pageKeysOf } from '../../../blobseer-client/remote/wire/tree.ts';
import { weave } from '../../../blobseer-client/remote/wire/weave.ts';
import { TicketLeases } from '../leases.ts';
import { openState } from '../state.ts';
import { VersionManager } from '../version-manager.ts';
import { RecordedLog } from './harness.ts';

const archiveVersion = 18;
const atOnce = (): Promise<void> => Promise.resolve();

/** A version that a client of the original writes. */
export interface Written {
  readonly blobId: number;
  readonly version: number;
  readonly first: number;
  readonly keys: readonly Buffer[];
  readonly nodes: readonly NodeRecord[];
}

export class VersionManagerParts implements AsyncDisposable {
  nowMs = 1000;
  /** What metadata providers answer to those who close abandoned versions. */
  trouble: Error | undefined;
  /** How often they did. */
  refused = 0;
  log = new RecordedLog();
  readonly model = new MetadataModel();
  readonly metadata = this.model.seenThrough(atOnce);
  #versions: VersionManager;
  #leases: TicketLeases;
  readonly #directory: string;
  readonly #state: Environment;
  readonly #leaseMs: number;

  private constructor(directory: string, state: Environment, leaseMs: number) {
    this.#directory = directory;
    this.#state = state;
    this.#leaseMs = leaseMs;
    [this.#versions, this.#leases] = this.#begin();
  }

  static async open(leaseMs: number): Promise<VersionManagerParts> {
    const directory = await mkdtemp(path.join(tmpdir(), 'versions-'));
    const onStopped = (error: Error) => assert.fail(error);
    const state = await openState({ directory, role: 'test', onStopped });
    return new VersionManagerParts(directory, state, leaseMs);
  }

  /** What is in memory only is gone. */
  restart(): void {
    this.log = new RecordedLog();
    [this.#versions, this.#leases] = this.#begin();
  }

  #begin(): [VersionManager, TicketLeases] {
    const nowMs = () => this.nowMs;
    const metadata = this.model.seenThrough(async () => {
      if (this.trouble === undefined) return;
      this.refused++;
      throw this.trouble;
    });
    const tools: RepairTools = {
      metadata,
      storeZeroPage: async () => {
        const key = newKey('zeros');
        await metadata.put({ pages: [{ key, providers: [] }] });
        return key;
      },
    };
    const versions = new VersionManager({ state: this.#state, archiveVersion, nowMs });
    const { log } = this;
    return [versions, new TicketLeases({ versions, tools, leaseMs: this.#leaseMs, log, nowMs })];
  }

  check(): Promise<void> {
    return this.#leases.check();
  }

  statistics() {
    return this.#versions.statistics();
  }

  async create(): Promise<number> {
    const root = await this.#ask(versionManagerCalls.create, { pageSize, ftInfo: 1 });
    return root.node.blobId;
  }

  ticket(blobId: number, offset: number | 'append', size: number): Promise<Ticket> {
    const isAppend = offset === 'append';
    const interval = { blobId, version: 0, offset: isAppend ? 0 : offset, size };
    return this.#ask(versionManagerCalls.getTicket, { interval, isAppend });
  }

  root(blobId: number, version = 0): Promise<Root> {
    return this.#ask(versionManagerCalls.getRoot, { blobId, version });
  }

  /** As clients see it: false for a version that is not pending. */
  async publish({ blobId, version }: { blobId: number; version: number }): Promise<boolean> {
    try {
      await this.#ask(versionManagerCalls.publish, { blobId, version, offset: 0, size: 0 });
      return true;
    } catch (error) {
      if (error instanceof BlobSeerError && error.kind === 'not-found') return false;
      throw error;
    }
  }

  /** Takes a ticket for whole pages, and makes the nodes, of which none are stored yet. */
  async begin(blobId: number, page: number | 'append', count: number): Promise<Written> {
    const at = page === 'append' ? page : page * pageSize;
    const ticket = await this.ticket(blobId, at, count * pageSize);
    const { interval } = ticket.pending.at(-1)!;
    const { rootSize, stableRoot } = ticket;
    const pageKeys = Array.from({ length: count }, () => newKey());
    await this.metadata.put({ pages: pageKeys.map((key) => ({ key, providers: [] })) });
    const pending = ticket.pending.slice(0, -1);
    const nodes = await this.metadata.run(
      weave({ interval, pageSize, rootSize, pageKeys, pending, stableRoot: stableRoot.node }),
    );
    const { version, offset } = interval;
    return { blobId, version, first: offset / pageSize, keys: pageKeys, nodes };
  }

  async finish(written: Written): Promise<boolean> {
    await this.metadata.put({ nodes: written.nodes });
    return await this.publish(written);
  }

  /** Of a visible version; damage fails the test. */
  async pages(blobId: number, version = 0): Promise<Pages> {
    const { node } = await this.root(blobId, version);
    const pages = await this.metadata.run(
      pageKeysOf(node, pageSize, 0, Math.floor(node.size / pageSize)),
    );
    for (const key of pages) assert.ok(!key || this.model.lists.has(key.toString('hex')));
    return pages;
  }

  async #ask<Request, Answer>(call: Call<Request, Answer>, request: Request): Promise<Answer> {
    const method = this.#versions.methods.find(({ number }) => number === call.number)!;
    const parameters = call.encodeRequest(request, archiveVersion).map((one) => Buffer.from(one));
    const { results } = await method.answer(parameters, { host: '127.0.0.1', port: 1 });
    return call.decodeAnswer(
      results.map((one) => Buffer.from(one)),
      request,
    );
  }

  async [Symbol.asyncDispose]() {
    await this.#state.close();
    await rm(this.#directory, { recursive: true });
  }
}
