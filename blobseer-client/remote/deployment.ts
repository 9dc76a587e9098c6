/** What a client takes from the original's configuration file, and what it makes no use of. */
import { Configuration } from './configuration.ts';
import type { Address } from './remote-error.ts';
import { readSecurity, type SecuritySettings } from './security-settings.ts';

export interface Deployment {
  readonly versionManager: Address;
  readonly providerManager: Address;
  /** The metadata providers; their order is part of where metadata is. */
  readonly gateways: readonly Address[];
  /** How many of them keep each piece of metadata. */
  readonly replication: number;
  /** Undefined: everything is plain. */
  readonly security: SecuritySettings | undefined;
  /** Settings for clients that are in the file and have no effect, each with its line and why. */
  readonly ignored: readonly string[];
}

const maxReplication = 255;

const used = [
  'vmanager.host',
  'vmanager.service',
  'pmanager.host',
  'pmanager.service',
  'dht.service',
  'dht.gateways',
  'dht.replication',
  'provider.ft_engine',
];

const why: Readonly<Record<string, string>> = {
  'provider.retry': 'what fails is tried elsewhere as long as its deadline allows',
  'provider.deduplication': 'versions share their pages without it',
  'dht.timeout': 'calls have deadlines of their own',
  'dht.cachesize': 'what is kept in memory has bounds of its own',
};

/** Groups whose settings are for programs of their own, or for clients only those named above. */
const others = /^((provider|sdht|fuse|security)\.|vmanager\.lease$)/;

/**
 * Files that the text names are relative to `directory`. Throws `invalid-argument`, with the line, for
 * what makes no sense or is not there.
 */
export function readDeployment(text: string, directory: string): Deployment {
  const file = new Configuration(text);
  const port = file.port('dht.service');
  const engine = 'provider.ft_engine';
  if (file.find(engine) !== undefined && file.string(engine) !== 'replication') {
    throw file.wrong(engine, 'must be "replication": nothing else is built');
  }
  return {
    versionManager: file.address('vmanager'),
    providerManager: file.address('pmanager'),
    gateways: file.hosts('dht.gateways').map((host) => ({ host, port })),
    replication: file.count('dht.replication', { max: maxReplication, of: 'replicas' }),
    security: readSecurity(file, directory),
    ignored: ignoredOf(file),
  };
}

function ignoredOf(file: Configuration): string[] {
  return file
    .settings()
    .filter(({ path }) => !used.includes(path))
    .filter(({ path }) => why[path] !== undefined || !others.test(path))
    .map(({ path, line }) => `line ${line}: ${path} (${why[path] ?? 'unknown'})`);
}
