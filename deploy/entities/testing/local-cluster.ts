/** A whole BlobSeer of entities in this process, and gateways' engines on it. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from '../../../blobseer-client/remote/cluster.ts';
import type { Deployment } from '../../../blobseer-client/remote/deployment.ts';
import {
  openRemote,
  type RemoteBlobSeer,
  type RemoteOptions,
} from '../../../blobseer-client/remote/engine/remote.ts';
import { ProviderManager } from '../../../blobseer-client/remote/provider-manager.ts';
import type { Address } from '../../../blobseer-client/remote/remote-error.ts';
import { Security } from '../../../blobseer-client/remote/security.ts';
import type { SecuritySettings } from '../../../blobseer-client/remote/security-settings.ts';
import { Transport } from '../../../blobseer-client/remote/transport.ts';
import { type Entity, startEntity } from '../entity.ts';
import type { EntityRole } from '../settings.ts';
import { RecordedLog } from './harness.ts';

const spaceBytes = 2 ** 30;
const host = '127.0.0.1';

export interface LocalClusterOptions {
  readonly dataProviders?: number;
  readonly metadataProviders?: number;
  /** Of metadata. */
  readonly replication?: number;
  /** Without, everything is plain. */
  readonly security?: SecuritySettings | undefined;
}

export class LocalCluster implements AsyncDisposable {
  readonly directory: string;
  readonly log = new RecordedLog();
  readonly #entities: Entity[] = [];
  readonly #dataProviders: Address[] = [];
  readonly #security: Security | undefined;
  #deployment: Deployment | undefined;

  private constructor(directory: string, security: SecuritySettings | undefined) {
    this.directory = directory;
    if (security !== undefined) this.#security = new Security(security);
  }

  static async start(options: LocalClusterOptions = {}): Promise<LocalCluster> {
    const { dataProviders = 3, metadataProviders = 2, replication = 2, security } = options;
    const directory = await mkdtemp(path.join(tmpdir(), 'cluster-'));
    const cluster = new LocalCluster(directory, security);
    const versionManager = await cluster.#start('version-manager', 'version-manager');
    const providerManager = await cluster.#start('provider-manager', 'provider-manager');
    const gateways: Address[] = [];
    for (let number = 0; number < metadataProviders; number++) {
      gateways.push(await cluster.#start('metadata-provider', `metadata-${number}`));
    }
    for (let number = 0; number < dataProviders; number++) {
      const name = `data-${number}`;
      cluster.#dataProviders.push(await cluster.#start('data-provider', name, providerManager));
    }
    cluster.#deployment = {
      versionManager,
      providerManager,
      gateways,
      replication,
      security,
      ignored: [],
    };
    await cluster.#knownProviders(providerManager, dataProviders);
    return cluster;
  }

  get deployment(): Deployment {
    return this.#deployment!;
  }

  async #start(role: EntityRole, name: string, providerManager?: Address): Promise<Address> {
    const directory = path.join(this.directory, name);
    mkdirSync(directory);
    const entity = await startEntity({
      role,
      version: 'test',
      host,
      port: 0,
      directory,
      spaceBytes,
      providerManager,
      leases: undefined,
      security: this.#security,
      log: this.log,
      onStopped: (error) => this.log.error({ err: error }, 'stopped'),
    });
    this.#entities.push(entity);
    return { host, port: entity.port };
  }

  /** An engine with a directory of its own, or the one of that name. */
  open(options: Partial<RemoteOptions> & { readonly name?: string } = {}): Promise<RemoteBlobSeer> {
    const { name = 'gateway', ...rest } = options;
    return openRemote({
      directory: path.join(this.directory, name),
      role: 'alone',
      deployment: this.deployment,
      replication: 2,
      ...rest,
    });
  }

  /** What the providers have, of all engines together. */
  async stored(): Promise<{ pages: number; nodes: number }> {
    const { transport, dataProviders, metadata } = new Cluster(this.deployment);
    const limit = 4096;
    const counts = { pages: 0, nodes: 0 };
    for (const address of this.#dataProviders) {
      counts.pages += (await dataProviders.list(address, undefined, limit)).length;
    }
    for (const gateway of this.deployment.gateways.keys()) {
      counts.nodes += (await metadata.listNodes(gateway, undefined, limit)).length;
    }
    transport.close();
    return counts;
  }

  async withEngine(run: (engine: RemoteBlobSeer) => Promise<void>): Promise<void> {
    const engine = await this.open({ name: `gateway-${performance.now()}` });
    try {
      await run(engine);
    } finally {
      await engine.close();
    }
  }

  async #knownProviders(manager: Address, count: number): Promise<void> {
    const transport = new Transport({ security: this.#security });
    const client = new ProviderManager(transport, manager);
    while (!(await client.providers(1, count).then(Boolean, () => false))) await sleep(20);
    transport.close();
  }

  async [Symbol.asyncDispose]() {
    for (const entity of this.#entities.reverse()) await entity.close(0);
    await rm(this.directory, { recursive: true });
  }
}
