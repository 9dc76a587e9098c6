/** What members read at their start, as text; it names files beside it, and so is the same everywhere. */
import type { Description } from './description/description.ts';
import { type Member, membersOf } from './plan.ts';

/** In the directory of each member. */
export const memberFiles = {
  blobseer: 'blobseer.cfg',
  gateway: 'gateway.yaml',
  authority: 'ca.pem',
  certificate: 'cert.pem',
  key: 'key.pem',
  /** What it keeps. */
  data: 'data',
} as const;

const megabyte = 2 ** 20;

/**
 * The configuration file of BlobSeer, one for all members. It is the original's, with the settings that
 * clients of the original ask for, and the group `security`, which they do not see.
 */
export function blobseerConfiguration(
  { name, spaceBytes, replication, security }: Description,
  members: readonly Member[],
): string {
  const [versionManager] = membersOf(members, 'version-manager');
  const [providerManager] = membersOf(members, 'provider-manager');
  const [dataProvider] = membersOf(members, 'data-provider');
  const metadataProviders = membersOf(members, 'metadata-provider');
  const groups = [
    group('vmanager', addressSettings(versionManager!)),
    group('pmanager', addressSettings(providerManager!)),
    group('provider', [
      ['service', quoted(`${dataProvider!.port}`)],
      ['space', `${spaceBytes.dataProvider / megabyte}`],
      ['retry', '1'],
      ['deduplication', 'false'],
      ['ft_engine', '"replication"'],
    ]),
    group('sdht', [['space', `${spaceBytes.metadataProvider / megabyte}`]]),
    group('dht', [
      ['service', quoted(`${metadataProviders[0]!.port}`)],
      // Their order is part of where metadata is.
      ['gateways', list(metadataProviders.map(({ host }) => host))],
      ['replication', `${replication.metadata}`],
      ['timeout', '10'],
      ['cachesize', '1048576'],
    ]),
    ...(security.tls ? [group('security', securitySettings(security))] : []),
  ];
  return `# The BlobSeer of the deployment ${name}.\n${groups.join('')}`;
}

function securitySettings({ plainNetworks }: Description['security']): [string, string][] {
  return [
    ['ca_file', quoted(memberFiles.authority)],
    ['cert_file', quoted(memberFiles.certificate)],
    ['key_file', quoted(memberFiles.key)],
    ...(plainNetworks.length > 0
      ? ([['plain_networks', list(plainNetworks)]] satisfies [string, string][])
      : []),
  ];
}

/** The configuration file of a gateway, beside that of BlobSeer; credentials come another way. */
export function gatewayConfiguration(
  { roles, replication, pageSize }: Description,
  { host, port }: Member,
): string {
  const { workers, https } = roles.gateways;
  const at = host.includes(':') ? `[${host}]` : host;
  const lines = [
    `data: ${memberFiles.data}`,
    `listen: ${https ? 'https' : 'http'}://${at}:${port}`,
    `workers: ${workers}`,
    `blobseer: ${memberFiles.blobseer}`,
    `replication: ${replication.pages}`,
    `page-size: ${pageSize}`,
    ...(https ? [`tls-cert: ${memberFiles.certificate}`, `tls-key: ${memberFiles.key}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function addressSettings({ host, port }: Member): [string, string][] {
  return [
    ['host', quoted(host)],
    ['service', quoted(`${port}`)],
  ];
}

function group(name: string, settings: readonly (readonly [string, string])[]): string {
  const lines = settings.map(([key, value]) => `  ${key} = ${value};\n`);
  return `${name}: {\n${lines.join('')}};\n`;
}

const quoted = (text: string): string => `"${text}"`;
const list = (items: readonly string[]): string => `( ${items.map(quoted).join(', ')} )`;
