/** The deployment file: what is put on machines, whatever the target. Reading it is pure. */
import { isIP } from 'node:net';
import { parseNetwork } from '../../blobseer-client/remote/security-settings.ts';
import { Field } from './field.ts';
import { pageSizeOf, spaceOf } from './quantities.ts';
import { readTargets, type Targets } from './targets.ts';

export { DescriptionError } from './field.ts';
export type { KubernetesTarget, SshTarget, Targets } from './targets.ts';

export const roleKeys = [
  'versionManager',
  'providerManager',
  'metadataProviders',
  'dataProviders',
  'gateways',
] as const;
export type RoleKey = (typeof roleKeys)[number];

/** Where a secret is. The file never holds it. */
export type Reference =
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'environment'; readonly name: string };

export interface RoleDescription {
  readonly count: number;
  /** Names or addresses of machines that exist, for targets that start none. */
  readonly hosts: readonly string[];
  readonly image: string | undefined;
  readonly network: string | undefined;
  readonly instanceType: string | undefined;
}

export interface GatewaysDescription extends RoleDescription {
  /** Processes of each. */
  readonly workers: number;
  /** Clients come by https, with a certificate of the deployment's own authority. */
  readonly https: boolean;
}

export interface Roles extends Readonly<Record<RoleKey, RoleDescription>> {
  readonly gateways: GatewaysDescription;
}

export interface Description {
  readonly name: string;
  /** Copies of each page and of each piece of metadata. */
  readonly replication: { readonly pages: number; readonly metadata: number };
  readonly pageSize: number | 'auto';
  /** Directory on each machine, as it stands in the file; each member has its own below it. */
  readonly storage: string | undefined;
  readonly spaceBytes: { readonly dataProvider: number; readonly metadataProvider: number };
  /** Of the first of a role on a machine; further ones take the next ones. */
  readonly ports: Readonly<Record<RoleKey, number>>;
  readonly security: {
    /** Mutual TLS between the members, by the deployment's own authority. */
    readonly tls: boolean;
    /** Where the original's bytes may travel in clear, in CIDR notation. */
    readonly plainNetworks: readonly string[];
  };
  /** Undefined: generated. */
  readonly credentials:
    | { readonly accessKey: Reference; readonly secretKey: Reference }
    | undefined;
  readonly roles: Roles;
  readonly targets: Targets;
}

const tebibyte = 2 ** 40;
const gibibyte = 2 ** 30;
const maxSpaceBytes = 1024 * tebibyte;
const defaultDataSpaceBytes = 100 * gibibyte;
const defaultMetadataSpaceBytes = 10 * gibibyte;
const minPageSize = 64 * 2 ** 10;
const maxPageSize = 4 * 2 ** 20;
const defaultReplication = 2;
/** What gateways and the original's file take. */
const maxPageReplicas = 16;
const maxMetadataReplicas = 255;
const maxProviders = 1024;
const maxGateways = 64;
const maxWorkers = 256;

/** The key of a role's port in the file, and what is taken where it says nothing. */
const portSettings = {
  versionManager: { role: 'versionManager', port: 7001 },
  providerManager: { role: 'providerManager', port: 7002 },
  metadataProvider: { role: 'metadataProviders', port: 7003 },
  dataProvider: { role: 'dataProviders', port: 7010 },
  gateway: { role: 'gateways', port: 9000 },
} as const;
type PortKey = keyof typeof portSettings;
const portKeys = Object.keys(portSettings) as PortKey[];

const namePattern = /^[a-z][a-z0-9-]{0,30}$/;
const hostPattern = /^[A-Za-z0-9]([\w.-]{0,251}[A-Za-z0-9])?$/;
/** Without anything that a shell, a unit file or an XML document would take apart. */
const pathPattern = /^[\w./~-]{1,255}$/;
const wordPattern = /^[\w.:/@+-]{1,255}$/;
const variablePattern = /^[A-Za-z_]\w{0,127}$/;

/** Throws DescriptionError, whose message names the line and the key. */
export function readDescription(text: string): Description {
  const file = Field.parse(text);
  const top = file.mapping([
    'name',
    'replication',
    'pageSize',
    'storage',
    'space',
    'ports',
    'security',
    'credentials',
    'roles',
    'image',
    'network',
    'instanceType',
    'targets',
  ]);
  const name = top.name.text(namePattern, 'a name: small letters, digits and dashes, at most 31');
  const roles = readRoles(top.roles, {
    image: wordOf(top.image),
    network: wordOf(top.network),
    instanceType: wordOf(top.instanceType),
  });
  const { storage, pageSize } = top;
  return {
    name,
    replication: readReplication(top.replication, roles),
    pageSize: pageSize.isGiven ? pageSizeOf(pageSize, minPageSize, maxPageSize) : 'auto',
    storage: storage.isGiven ? storage.text(pathPattern, 'the path of a directory') : undefined,
    spaceBytes: readSpace(top.space),
    ports: readPorts(top.ports),
    security: readSecurity(top.security),
    credentials: readCredentials(top.credentials),
    roles,
    targets: readTargets(top.targets),
  };
}

interface MachineDefaults {
  readonly image: string | undefined;
  readonly network: string | undefined;
  readonly instanceType: string | undefined;
}

const machineKeys = ['image', 'network', 'instanceType'] as const;
const roleFields = ['count', 'hosts', ...machineKeys] as const;

function readRoles(field: Field, defaults: MachineDefaults): Roles {
  const roles = field.mapping(roleKeys);
  return {
    versionManager: readRole(roles.versionManager, { defaults, count: 1, max: 1 }),
    providerManager: readRole(roles.providerManager, { defaults, count: 1, max: 1 }),
    metadataProviders: readRole(roles.metadataProviders, { defaults, max: maxProviders }),
    dataProviders: readRole(roles.dataProviders, { defaults, max: maxProviders }),
    gateways: readGateways(roles.gateways, defaults),
  };
}

interface RoleRules {
  readonly defaults: MachineDefaults;
  readonly max: number;
  /** Where the file says nothing; undefined: it must. */
  readonly count?: number;
}

function readRole(field: Field, rules: RoleRules): RoleDescription {
  return roleOf(field.mapping(roleFields), rules);
}

function readGateways(field: Field, defaults: MachineDefaults): GatewaysDescription {
  const { workers, https, ...common } = field.mapping([...roleFields, 'workers', 'https']);
  return {
    ...roleOf(common, { defaults, count: 1, max: maxGateways }),
    workers: workers.isGiven ? workers.integer({ min: 1, max: maxWorkers }) : 1,
    https: https.isGiven ? https.flag() : false,
  };
}

function roleOf(
  fields: Readonly<Record<(typeof roleFields)[number], Field>>,
  { defaults, count, max }: RoleRules,
): RoleDescription {
  const hosts = fields.hosts.list('a list of host names or addresses').map(hostOf);
  const assumed = hosts.length > 0 ? Math.min(hosts.length, max) : count;
  return {
    count:
      fields.count.isGiven || assumed === undefined
        ? fields.count.integer({ min: 1, max })
        : assumed,
    hosts,
    image: wordOf(fields.image) ?? defaults.image,
    network: wordOf(fields.network) ?? defaults.network,
    instanceType: wordOf(fields.instanceType) ?? defaults.instanceType,
  };
}

function hostOf(field: Field): string {
  const value = field.scalar();
  if (typeof value === 'string' && isIP(value) !== 0) return value;
  return field.text(hostPattern, 'the name or the address of a host');
}

function wordOf(field: Field): string | undefined {
  return field.isGiven ? field.text(wordPattern, 'a word without spaces') : undefined;
}

function readReplication(field: Field, roles: Roles): Description['replication'] {
  const { pages, metadata } = field.mapping(['pages', 'metadata']);
  const of = (copies: Field, providers: number, max: number): number =>
    copies.isGiven
      ? copies.integer({ min: 1, max: Math.min(max, providers) })
      : Math.min(defaultReplication, providers);
  return {
    pages: of(pages, roles.dataProviders.count, maxPageReplicas),
    metadata: of(metadata, roles.metadataProviders.count, maxMetadataReplicas),
  };
}

function readSpace(field: Field): Description['spaceBytes'] {
  const { dataProvider, metadataProvider } = field.mapping(['dataProvider', 'metadataProvider']);
  const of = (space: Field, otherwise: number): number =>
    space.isGiven ? spaceOf(space, maxSpaceBytes) : otherwise;
  return {
    dataProvider: of(dataProvider, defaultDataSpaceBytes),
    metadataProvider: of(metadataProvider, defaultMetadataSpaceBytes),
  };
}

function readPorts(field: Field): Description['ports'] {
  const given = field.mapping(portKeys);
  const rows = portKeys.map((key) => {
    const { role, port } = portSettings[key];
    return [role, given[key].isGiven ? given[key].integer({ min: 1, max: 65_535 }) : port];
  });
  return Object.fromEntries(rows) as Record<RoleKey, number>;
}

function readSecurity(field: Field): Description['security'] {
  const { tls, plainNetworks } = field.mapping(['tls', 'plainNetworks']);
  const networks = plainNetworks.list('a list of networks').map((network) => {
    const allowed = 'a network such as 10.1.0.0/16';
    const text = network.text(/^[0-9A-Fa-f:./]{1,64}$/, allowed);
    if (parseNetwork(text) === undefined) throw network.wrong(allowed);
    return text;
  });
  return { tls: tls.isGiven ? tls.flag() : true, plainNetworks: networks };
}

function readCredentials(field: Field): Description['credentials'] {
  const { accessKey, secretKey } = field.mapping(['accessKey', 'secretKey']);
  if (!accessKey.isGiven && !secretKey.isGiven) return undefined;
  if (!accessKey.isGiven || !secretKey.isGiven) {
    throw field.fault('needs both accessKey and secretKey, or neither');
  }
  return { accessKey: referenceOf(accessKey), secretKey: referenceOf(secretKey) };
}

/** Errors do not repeat what is there: it may be the secret. */
function referenceOf(field: Field): Reference {
  if (field.scalar() !== undefined) {
    throw field.fault(
      'must be { file: NAME } or { environment: NAME }: secrets have no place in this file',
    );
  }
  const { file, environment } = field.mapping(['file', 'environment']);
  if (file.isGiven === environment.isGiven) throw field.fault('needs a file or an environment');
  return file.isGiven
    ? { kind: 'file', file: file.text(pathPattern, 'the path of a file') }
    : { kind: 'environment', name: environment.text(variablePattern, 'the name of a variable') };
}
