/** Clients of all programs of a BlobSeer, as its configuration file names them. */
import { DataProviders } from './data-provider.ts';
import type { Deployment } from './deployment.ts';
import { type MetadataOptions, MetadataProviders } from './metadata-providers.ts';
import { ProviderManager } from './provider-manager.ts';
import { Security } from './security.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { VersionManager } from './version-manager.ts';

export interface ClusterOptions extends Omit<TransportOptions, 'security'> {
  readonly metadata?: Pick<MetadataOptions, 'slowMs' | 'suspectMs'>;
}

export class Cluster {
  readonly deployment: Deployment;
  readonly transport: Transport;
  readonly versionManager: VersionManager;
  readonly providerManager: ProviderManager;
  readonly dataProviders: DataProviders;
  readonly metadata: MetadataProviders;

  /**
   * `archiveVersion` is part of every metadata key: that of the deployment, see `connect`. Throws
   * where the deployment's secret or certificates cannot be used.
   */
  constructor(deployment: Deployment, { metadata, ...options }: ClusterOptions = {}) {
    this.deployment = deployment;
    const { security } = deployment;
    this.transport = new Transport({
      ...options,
      security: security === undefined ? undefined : new Security(security),
    });
    this.versionManager = new VersionManager(this.transport, deployment.versionManager);
    this.providerManager = new ProviderManager(this.transport, deployment.providerManager);
    this.dataProviders = new DataProviders(this.transport);
    this.metadata = new MetadataProviders(this.transport, { ...deployment, ...metadata });
  }

  /** Asks the version manager first how the deployment writes its archives. Throws `unavailable`. */
  static async connect(deployment: Deployment, options: ClusterOptions = {}): Promise<Cluster> {
    const first = new Cluster(deployment, options);
    try {
      const archiveVersion = await first.versionManager.archiveVersion();
      return new Cluster(deployment, { ...options, archiveVersion });
    } finally {
      first.close();
    }
  }

  close(): void {
    this.transport.close();
  }
}
