/** What an entity takes from the original's configuration file, and what it makes no use of. */
import { Configuration } from '../../blobseer-client/remote/configuration.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import {
  readSecurity,
  type SecuritySettings,
} from '../../blobseer-client/remote/security-settings.ts';

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
  /** Undefined: everything is plain. */
  readonly security: SecuritySettings | undefined;
  /** Settings that are in the file and have no effect on this role, each with its line and why. */
  readonly ignored: readonly string[];
}

const megabyte = 2 ** 20;
const maxMegabytes = 2 ** 32;

/** The settings of the original's file that the role reads. */
const used: Readonly<Record<EntityRole, readonly string[]>> = {
  'version-manager': ['vmanager.service'],
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

/** Throws `invalid-argument`, with the line, for what makes no sense or is not there. */
export function readSettings(text: string, role: EntityRole): EntitySettings {
  const file = new Configuration(text);
  const [service, space] = used[role];
  return {
    port: file.port(service!),
    spaceBytes:
      space === undefined
        ? 0
        : file.count(space, { max: maxMegabytes, of: 'megabytes' }) * megabyte,
    providerManager: role === 'data-provider' ? file.address('pmanager') : undefined,
    security: readSecurity(file),
    ignored: ignoredOf(file, role),
  };
}

/** Of the role's own group, and what is nobody's. */
function ignoredOf(file: Configuration, role: EntityRole): string[] {
  return file.settings().flatMap(({ path, line }) => {
    const [group, name = ''] = path.split('.');
    if (used[role].includes(path) || (name !== '' && group !== ownGroup[role])) return [];
    return `line ${line}: ${path} (${why[name] ?? 'unknown'})`;
  });
}
