/**
 * A whole BlobSeer of our entities on this machine, for gateways to keep their pages in. All metadata
 * providers have one port, as its configuration file wants it, and loopback addresses of their own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Entity, type Role } from './entity.ts';
import { freePort, loopback } from './ports.ts';

export interface BlobSeerOptions {
  readonly metadataProviders?: number;
  readonly dataProviders?: number;
  /** Of metadata, and of pages. */
  readonly replication?: number;
}

/**
 * The gateways of the tests find it by the program's own variable: then their pages are in the BlobSeer of
 * that file. Tests of the data directory's own files have nothing to look at there.
 */
export const isOnBlobSeer = process.env.BLOBSEER_S3_BLOBSEER !== undefined;

const megabytes = { pages: 8192, nodes: 1024 };
const joinTimeoutMs = 60_000;
const emptyTimeoutMs = 120_000;
const pollMs = 50;

export class BlobSeer {
  readonly configFile: string;
  readonly entities: readonly Entity[];
  readonly replication: number;
  readonly #folder: string;

  private constructor(folder: string, entities: readonly Entity[], replication: number) {
    this.#folder = folder;
    this.configFile = configFileIn(folder);
    this.entities = entities;
    this.replication = replication;
  }

  static async start(options: BlobSeerOptions = {}): Promise<BlobSeer> {
    const { metadataProviders = 3, dataProviders = 4, replication = 2 } = options;
    const folder = mkdtempSync(path.join(tmpdir(), 'blobseer-'));
    const configFile = configFileIn(folder);
    const gateways = Array.from(
      { length: metadataProviders },
      (_, index) => `127.0.0.${1 + index}`,
    );
    const versionManager = await freePort();
    const providerManager = await freePort();
    const metadata = await freePort(gateways);
    const pages: number[] = [];
    while (pages.length < dataProviders) pages.push(await freePort());
    const entity = (role: Role, name: string, port: number, host = loopback) =>
      new Entity({ role, name, host, port, folder, configFile });
    const blobseer = new BlobSeer(
      folder,
      [
        entity('version-manager', 'version-manager', versionManager),
        entity('provider-manager', 'provider-manager', providerManager),
        ...gateways.map((host, index) =>
          entity('metadata-provider', `metadata-provider-${index + 1}`, metadata, host),
        ),
        ...pages.map((port, index) => entity('data-provider', `data-provider-${index + 1}`, port)),
      ],
      replication,
    );
    const list = gateways.map((host) => `"${host}"`).join(', ');
    writeFileSync(
      configFile,
      `vmanager: { host = "${loopback}"; service = "${versionManager}"; };
pmanager: { host = "${loopback}"; service = "${providerManager}"; };
provider: { service = "${pages[0]}"; space = ${megabytes.pages}; };
sdht: { space = ${megabytes.nodes}; };
dht: { service = "${metadata}"; gateways = ( ${list} ); replication = ${replication}; };
`,
    );
    try {
      await Promise.all(blobseer.entities.map((each) => each.start()));
      await blobseer.#allJoined();
    } catch (error) {
      await blobseer.remove();
      throw error;
    }
    return blobseer;
  }

  /** Of gateways, and of every command on their directories. */
  get environment(): Readonly<Record<string, string>> {
    return {
      BLOBSEER_S3_BLOBSEER: this.configFile,
      BLOBSEER_S3_REPLICATION: String(this.replication),
    };
  }

  get versionManager(): Entity {
    return this.entities.find(({ role }) => role === 'version-manager')!;
  }

  get providerManager(): Entity {
    return this.entities.find(({ role }) => role === 'provider-manager')!;
  }

  get metadataProviders(): Entity[] {
    return this.entities.filter(({ role }) => role === 'metadata-provider');
  }

  get dataProviders(): Entity[] {
    return this.entities.filter(({ role }) => role === 'data-provider');
  }

  /** Of all pages, each counted once. */
  async pageBytes(): Promise<number> {
    return sumOf(await counts(this.dataProviders, 'bytes')) / this.replication;
  }

  /** Waits until providers have no more than that left: releases come behind the deletes. */
  async untilLeft(most: { readonly pages: number; readonly nodes: number }): Promise<void> {
    const deadline = Date.now() + emptyTimeoutMs;
    for (;;) {
      const left = {
        pages: sumOf(await counts(this.dataProviders, 'pages')),
        nodes: sumOf(await counts(this.metadataProviders, 'nodes')),
      };
      if (left.pages <= most.pages && left.nodes <= most.nodes) return;
      if (Date.now() > deadline) {
        const [found, wanted] = [JSON.stringify(left), JSON.stringify(most)];
        throw new Error(`not all space came back: ${found} are left of ${wanted} at most`);
      }
      await delay(pollMs);
    }
  }

  /** Ends all of it and deletes what it stored. */
  async remove(): Promise<void> {
    await Promise.all(this.entities.map((entity) => entity.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #allJoined(): Promise<void> {
    const deadline = Date.now() + joinTimeoutMs;
    for (;;) {
      const { usableProviders } = await this.providerManager.statistics();
      if (usableProviders === this.dataProviders.length) return;
      if (Date.now() > deadline) throw new Error(`${usableProviders} data providers joined`);
      await delay(pollMs);
    }
  }
}

async function counts(entities: readonly Entity[], name: string): Promise<number[]> {
  const all = await Promise.all(entities.map((entity) => entity.statistics()));
  return all.map((statistics) => {
    const count = statistics[name];
    if (typeof count !== 'number') throw new Error(`the statistics name no ${name}`);
    return count;
  });
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

const configFileIn = (folder: string): string => path.join(folder, 'blobseer.cfg');
