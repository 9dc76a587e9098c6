/** What an entity takes from the original's configuration file, and what it makes no use of. */
import { Configuration } from '../../blobseer-client/remote/configuration.ts';
import { type Deployment, readDeployment } from '../../blobseer-client/remote/deployment.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import {
  readSecurity,
  type SecuritySettings,
} from '../../blobseer-client/remote/security-settings.ts';
import type { LeaseSettings } from './leases.ts';

export const entityRoles = [
  'version-manager',
  'provider-manager',
  'data-provider',
  'metadata-provider',
] as const;
export type EntityRole = (typeof entityRoles)[number];

export interface EntitySettings {
  readonly port: number;
  /** Of data and metadata providers: bytes that they may store. */
  readonly spaceBytes: number;
  /** Of data providers: where to report. */
  readonly providerManager: Address | undefined;
  /** Of version managers; undefined where nobody says where metadata goes. */
  readonly leases: LeaseSettings | undefined;
  /** Undefined: everything is plain. */
  readonly security: SecuritySettings | undefined;
  /** Settings that are in the file and have no effect on this role, each with its line and why. */
  readonly ignored: readonly string[];
}

const megabyte = 2 ** 20;
const maxMegabytes = 2 ** 32;
const secondMs = 1000;
const defaultLeaseSeconds = 60;
/** A day: who writes for longer renews nothing, so nobody needs more. */
const maxLeaseSeconds = 86_400;

/** The settings of the original's file that the role reads. */
const used: Readonly<Record<EntityRole, readonly string[]>> = {
  'version-manager': ['vmanager.service', 'vmanager.lease'],
  'provider-manager': ['pmanager.service'],
  'data-provider': ['provider.service', 'provider.space', 'pmanager.host', 'pmanager.service'],
  'metadata-provider': ['dht.service', 'sdht.space'],
};

/** The group that is the role's own: what of it is not used deserves a word. */
const ownGroup: Readonly<Record<EntityRole, string>> = {
  'version-manager': 'vmanager',
  'provider-manager': 'pmanager',
  'data-provider': 'provider',
  'metadata-provider': 'sdht',
};

const why: Readonly<Record<string, string>> = {
  host: 'for clients; give --listen the address to listen on',
  cacheslots: 'the operating system caches',
  dbname: 'state is always on disk, in the directory of --data',
  sync: 'everything is on disk before it is answered',
  urate: 'reports are sent every second',
  compression: 'not built',
  retry: 'for clients',
  deduplication: 'for clients',
  ft_engine: 'for clients',
};

/**
 * Files that the text names are relative to `directory`. Throws `invalid-argument`, with the line, for
 * what makes no sense or is not there.
 */
export function readSettings(text: string, role: EntityRole, directory: string): EntitySettings {
  const file = new Configuration(text);
  const stores = role === 'data-provider' || role === 'metadata-provider';
  const [service, space] = used[role];
  return {
    port: file.port(service!),
    spaceBytes: stores ? file.count(space!, { max: maxMegabytes, of: 'megabytes' }) * megabyte : 0,
    providerManager: role === 'data-provider' ? file.address('pmanager') : undefined,
    leases:
      role === 'version-manager'
        ? leasesOf(file, () => readDeployment(text, directory))
        : undefined,
    security: readSecurity(file, directory),
    ignored: ignoredOf(file, role),
  };
}

/** Seconds of a lease are a setting of our own, in the group of the original's version manager. */
function leasesOf(file: Configuration, deployment: () => Deployment): LeaseSettings | undefined {
  const path = 'vmanager.lease';
  const seconds =
    file.find(path) === undefined
      ? defaultLeaseSeconds
      : file.count(path, { min: 0, max: maxLeaseSeconds, of: 'seconds' });
  if (file.find('dht.gateways') === undefined) return undefined;
  const { gateways, replication, providerManager } = deployment();
  return { leaseMs: seconds * secondMs, metadata: { gateways, replication }, providerManager };
}

/** Of the role's own group, and what is nobody's. */
function ignoredOf(file: Configuration, role: EntityRole): string[] {
  return file.settings().flatMap(({ path, line }) => {
    const [group, name = ''] = path.split('.');
    if (used[role].includes(path) || (name !== '' && group !== ownGroup[role])) return [];
    return `line ${line}: ${path} (${why[name] ?? 'unknown'})`;
  });
}
