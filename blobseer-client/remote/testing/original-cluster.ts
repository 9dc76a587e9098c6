/**
 * A whole BlobSeer in this process that keeps to what the original does: a version manager that forgets all
 * when it is restarted, providers that delete nothing, no call beyond the original's. And gateways' engines on it.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Deployment } from '../deployment.ts';
import { openRemote, type RemoteBlobSeer, type RemoteOptions } from '../engine/remote.ts';
import type { Address } from '../remote-error.ts';
import { defaultArchiveVersion } from '../wire/archive.ts';
import type { Frame } from '../wire/frame.ts';
import {
  type Call,
  dataProviderCalls,
  metadataProviderCalls,
  providerManagerCalls,
  status,
  versionManagerCalls,
} from '../wire/messages.ts';
import { decodeSegment, nodeBytes, nodeKeyBytes, type Provider } from '../wire/records.ts';
import { nameOf } from './nodes.ts';
import { type Answer, RoleServer } from './role-server.ts';
import { VersionManagerModel } from './version-manager-model.ts';

const ok = (results: readonly Uint8Array[] = []): Answer => ({ status: status.ok, results });
const refused = (why: number): Answer => ({ status: why, results: [] });

/** What a well-formed call is answered; the original answers 7 to others. */
function answered<Request>(
  call: Call<Request, unknown>,
  { items }: Frame,
  answer: (request: Request) => Answer,
): Answer {
  let request: Request;
  try {
    request = call.decodeRequest(items);
  } catch {
    return refused(status.badArguments);
  }
  return answer(request);
}

export class VersionManagerDouble {
  model = new VersionManagerModel();

  /** As after a restart: all blobs are gone, and ids begin at 1. */
  forget(): void {
    this.model = new VersionManagerModel();
  }

  readonly serve = (frame: Frame): Answer | undefined => {
    const { model } = this;
    const { create, getRoot, getTicket, publish, getObjectCount, clone } = versionManagerCalls;
    const version = defaultArchiveVersion;
    switch (frame.name) {
      case create.number:
        return answered(create, frame, ({ pageSize, ftInfo }) =>
          ok(create.encodeAnswer(model.create(pageSize, ftInfo), version)),
        );
      case getRoot.number:
        return answered(getRoot, frame, ({ blobId, version: wanted }) =>
          ok(getRoot.encodeAnswer(model.root(blobId, wanted), version)),
        );
      case getTicket.number:
        return answered(getTicket, frame, ({ interval, isAppend }) => {
          const ticket = model.ticket(interval.blobId, interval, isAppend);
          return ticket ? ok(getTicket.encodeAnswer(ticket, version)) : refused(status.unknown);
        });
      case publish.number:
        return answered(publish, frame, (interval) =>
          model.publish(interval.blobId, interval.version) ? ok() : refused(status.unknown),
        );
      case getObjectCount.number:
        return ok(getObjectCount.encodeAnswer(model.count, version));
      case clone.number:
        return answered(clone, frame, ({ blobId, version: wanted }) =>
          ok(clone.encodeAnswer(model.clone(blobId, wanted), version)),
        );
      default:
        return undefined;
    }
  };
}

/** Hands out those with the lowest score, which counts how often that was. */
export class ProviderManagerDouble {
  readonly scores = new Map<string, { readonly provider: Provider; score: number }>();

  add({ host, port }: Address, score = 0): void {
    const provider = { host, service: `${port}` };
    this.scores.set(provider.service, { provider, score });
  }

  readonly serve = (frame: Frame): Answer | undefined => {
    const { get } = providerManagerCalls;
    if (frame.name !== get.number) return undefined;
    return answered(get, frame, ({ count, groupSize }) => {
      if (count === 0 || groupSize === 0) return refused(status.badArguments);
      if (count % groupSize !== 0 || groupSize > this.scores.size) {
        return refused(status.noResources);
      }
      const chosen: Provider[] = [];
      while (chosen.length < count) {
        const ranked = [...this.scores.values()].sort((left, right) => left.score - right.score);
        for (const entry of ranked.slice(0, groupSize)) {
          entry.score++;
          chosen.push(entry.provider);
        }
      }
      return ok(get.encodeAnswer(chosen, defaultArchiveVersion));
    });
  };
}

/** A data provider, or a metadata provider: keys and values in memory, the last one written stays. */
export class KeyValueDouble {
  /** By key, in hexadecimal digits. */
  readonly values = new Map<string, Buffer>();
  /** Tree nodes that were written again, and otherwise than before. */
  readonly rewritten: string[] = [];
  readonly #countsReads: boolean;

  constructor(kind: 'pages' | 'metadata') {
    this.#countsReads = kind === 'metadata';
  }

  readonly serve = (frame: Frame): Answer | undefined => {
    const { read, write, probe } = metadataProviderCalls;
    if (frame.name === write.number) {
      return answered(write, frame, (pairs) => {
        for (const [key, value] of pairs) this.#put(Buffer.from(key), Buffer.from(value));
        return ok();
      });
    }
    const { readPartial } = dataProviderCalls;
    if (frame.name === readPartial.number && !this.#countsReads) {
      return answered(readPartial, frame, ({ key, offset, size }) => {
        const value = this.values.get(hex(key));
        return value === undefined || offset + size > value.length
          ? refused(status.unknown)
          : ok([value.subarray(offset, offset + size)]);
      });
    }
    if (frame.name !== read.number && (frame.name !== probe.number || !this.#countsReads)) {
      return undefined;
    }
    return answered(read, frame, ({ keys }) => {
      const found = keys.map((key) => this.values.get(hex(key)));
      if (frame.name === read.number && this.#countsReads) found.forEach(countRead);
      const isWhole = found.every((value) => value !== undefined);
      const results = read.encodeAnswer(found, defaultArchiveVersion);
      return { status: isWhole ? status.ok : status.unknown, results };
    });
  };

  #put(key: Buffer, value: Buffer): void {
    if (this.#countsReads && value.length === nodeBytes) value.writeUInt32LE(0, nodeBytes - 4);
    const before = this.values.get(hex(key));
    if (key.length === nodeKeyBytes && before !== undefined) {
      const isSame = value.equals(withoutCount(before));
      if (!isSame) this.rewritten.push(nameOf(decodeSegment(key)));
    }
    this.values.set(hex(key), value);
  }
}

/** A value that is read differs from the one that was written. */
function countRead(value: Buffer | undefined): void {
  if (value?.length !== nodeBytes) return;
  value.writeUInt32LE(value.readUInt32LE(nodeBytes - 4) + 1, nodeBytes - 4);
}

function withoutCount(value: Buffer): Buffer {
  const copy = Buffer.from(value);
  if (copy.length === nodeBytes) copy.writeUInt32LE(0, nodeBytes - 4);
  return copy;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export interface Store extends AsyncDisposable {
  readonly server: RoleServer;
  readonly double: KeyValueDouble;
}

async function startStore(kind: 'pages' | 'metadata'): Promise<Store> {
  const double = new KeyValueDouble(kind);
  const server = await RoleServer.start(double.serve);
  return { server, double, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export interface OriginalClusterOptions {
  readonly dataProviders?: number;
  readonly metadataProviders?: number;
  /** Of metadata. */
  readonly metadataReplication?: number;
}

export class OriginalCluster implements AsyncDisposable {
  readonly directory: string;
  readonly versions = new VersionManagerDouble();
  readonly providers = new ProviderManagerDouble();
  readonly versionManager: RoleServer;
  readonly providerManager: RoleServer;
  readonly dataProviders: readonly Store[];
  readonly metadataProviders: readonly Store[];
  readonly #replication: number;
  readonly #engines = new Set<RemoteBlobSeer>();
  #opened = 0;

  private constructor(
    directory: string,
    servers: Pick<
      OriginalCluster,
      'versionManager' | 'providerManager' | 'dataProviders' | 'metadataProviders'
    >,
    replication: number,
  ) {
    this.directory = directory;
    this.versionManager = servers.versionManager;
    this.providerManager = servers.providerManager;
    this.dataProviders = servers.dataProviders;
    this.metadataProviders = servers.metadataProviders;
    this.#replication = replication;
  }

  static async start(options: OriginalClusterOptions = {}): Promise<OriginalCluster> {
    const { dataProviders = 3, metadataProviders = 2, metadataReplication = 2 } = options;
    const directory = await mkdtemp(path.join(tmpdir(), 'original-'));
    const several = (count: number, kind: 'pages' | 'metadata') =>
      Promise.all(Array.from({ length: count }, () => startStore(kind)));
    const servers = {
      versionManager: await RoleServer.start((call) => cluster.versions.serve(call)),
      providerManager: await RoleServer.start((call) => cluster.providers.serve(call)),
      dataProviders: await several(dataProviders, 'pages'),
      metadataProviders: await several(metadataProviders, 'metadata'),
    };
    const cluster = new OriginalCluster(directory, servers, metadataReplication);
    for (const { server } of servers.dataProviders) cluster.providers.add(server.address);
    return cluster;
  }

  get deployment(): Deployment {
    return {
      versionManager: this.versionManager.address,
      providerManager: this.providerManager.address,
      gateways: this.metadataProviders.map(({ server }) => server.address),
      replication: this.#replication,
      security: undefined,
      ignored: [],
    };
  }

  /**
   * An engine on the directory of that name, a new one by default; nothing happens in the background. Closed with
   * the cluster at the latest.
   */
  async open(
    options: Partial<RemoteOptions> & { readonly name?: string } = {},
  ): Promise<RemoteBlobSeer> {
    const { name = `gateway-${this.#opened++}`, timings, ...rest } = options;
    const engine = await openRemote({
      directory: path.join(this.directory, name),
      role: 'alone',
      deployment: this.deployment,
      replication: 2,
      maintainEveryMs: 0,
      timings: { retryMs: 0, managerRetryMs: 1, ...timings },
      ...rest,
    });
    this.#engines.add(engine);
    return engine;
  }

  async close(engine: RemoteBlobSeer): Promise<void> {
    this.#engines.delete(engine);
    await engine.close();
  }

  async withEngine(run: (engine: RemoteBlobSeer) => Promise<void>): Promise<void> {
    const engine = await this.open();
    try {
      await run(engine);
    } finally {
      await this.close(engine);
    }
  }

  /** It has forgotten everything, and gives ids out from 1. */
  async restartVersionManager(): Promise<void> {
    await this.versionManager.down();
    this.versions.forget();
    await this.versionManager.up();
  }

  /** Whatever keys there were before `run`, their values are what they were. */
  async keepingMetadata(run: () => Promise<void>): Promise<void> {
    for (const { double } of this.metadataProviders) double.rewritten.length = 0;
    await run();
    const rewritten = this.metadataProviders.flatMap(({ double }) => double.rewritten);
    assert.deepEqual(rewritten, [], 'nodes of before that were overwritten');
  }

  /** Lengths of all pages that data providers hold. */
  pageLengths(): number[] {
    return this.dataProviders.flatMap(({ double }) =>
      [...double.values.values()].map(({ length }) => length),
    );
  }

  async [Symbol.asyncDispose]() {
    for (const engine of this.#engines) await engine.close();
    const stores = [...this.dataProviders, ...this.metadataProviders].map(({ server }) => server);
    for (const server of [this.versionManager, this.providerManager, ...stores]) {
      await server[Symbol.asyncDispose]();
    }
    await rm(this.directory, { recursive: true });
  }
}
