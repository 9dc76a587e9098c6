/** What an entity takes from the original's configuration file, and what it makes no use of. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Address } from '../../blobseer-client/remote/remote-error.ts';
import { type ConfigGroup, type ConfigValue, LibconfigError, parseLibconfig } from './libconfig.ts';

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
  /** Settings that are in the file and have no effect on this role, each with its line and why. */
  readonly ignored: readonly string[];
}

const megabyte = 2 ** 20;

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
  try {
    return settingsOf(parseLibconfig(text), role);
  } catch (error) {
    if (!(error instanceof LibconfigError)) throw error;
    throw new BlobSeerError('invalid-argument', error.message, { cause: error });
  }
}

function settingsOf(file: ConfigGroup, role: EntityRole): EntitySettings {
  const [service, space] = used[role];
  const port = portOf(file, service!);
  const stores = role === 'data-provider' || role === 'metadata-provider';
  return {
    port,
    spaceBytes: stores ? megabytesOf(file, space!) * megabyte : 0,
    providerManager:
      role === 'data-provider'
        ? { host: stringOf(file, 'pmanager.host'), port: portOf(file, 'pmanager.service') }
        : undefined,
    ignored: ignoredOf(file, role),
  };
}

function ignoredOf(file: ConfigGroup, role: EntityRole): string[] {
  const group = file.settings.get(ownGroup[role]);
  if (group?.kind !== 'group') return [];
  const ignored: string[] = [];
  for (const [name, { line }] of group.settings) {
    const full = `${ownGroup[role]}.${name}`;
    if (used[role].includes(full)) continue;
    ignored.push(`line ${line}: ${full} (${why[name] ?? 'unknown'})`);
  }
  return ignored;
}

function find(file: ConfigGroup, path: string): ConfigValue {
  let value: ConfigValue = file;
  for (const name of path.split('.')) {
    const inner: ConfigValue | undefined =
      value.kind === 'group' ? value.settings.get(name) : undefined;
    if (inner === undefined) throw new LibconfigError(value.line, `${path} is missing`);
    value = inner;
  }
  return value;
}

function stringOf(file: ConfigGroup, path: string): string {
  const found = find(file, path);
  if (found.kind !== 'scalar' || typeof found.value !== 'string' || found.value === '') {
    throw new LibconfigError(found.line, `${path} must be a string in quotes`);
  }
  return found.value;
}

function portOf(file: ConfigGroup, path: string): number {
  const text = stringOf(file, path);
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 1 || port > 65_535) {
    throw new LibconfigError(
      find(file, path).line,
      `${path} must be a port in quotes, not "${text}"`,
    );
  }
  return port;
}

function megabytesOf(file: ConfigGroup, path: string): number {
  const found = find(file, path);
  const value = found.kind === 'scalar' ? found.value : undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > 2 ** 32) {
    throw new LibconfigError(found.line, `${path} must be a number of megabytes`);
  }
  return value;
}
