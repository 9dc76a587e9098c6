/** The settings by name, and the reading of each one's text. What is allowed is said in one place. */
import { isIP } from 'node:net';
import { accessKeyFault, accessKeyRule, secretFault, secretRule } from './auth/users.ts';
import type { ListenAddress, Network, RootCredentials, TlsPair } from './config.ts';

export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

const maxWorkers = 256;
const maxReplication = 16;
const minPageSize = 64 * 2 ** 10;
const maxPageSize = 4 * 2 ** 20;
/** Each is one more signature to compute for a request of a proxy that is about to be refused. */
const maxPublicHosts = 16;

export interface Setting {
  readonly name: SettingName;
  readonly environment: string;
  /** False for secrets: every user of the machine can read a process's arguments. */
  readonly flag: boolean;
  readonly repeatable: boolean;
  /** On or off: its flag takes no value. */
  readonly isSwitch: boolean;
  readonly secret: boolean;
  readonly defaults: readonly string[] | undefined;
  /** Metavariable for help texts; '' for a switch. */
  readonly value: string;
  readonly help: string;
  readonly allowed: string;
}

export type SettingName =
  | 'data'
  | 'listen'
  | 'workers'
  | 'blobseer'
  | 'replication'
  | 'page-size'
  | 'domain'
  | 'public-host'
  | 'trusted-proxy'
  | 'region'
  | 'sigv2'
  | 'cumulus'
  | 'tls-cert'
  | 'tls-key'
  | 'log-level'
  | 'access-key'
  | 'secret-key';

export const settings: readonly Setting[] = [
  setting('data', {
    value: 'DIR',
    defaults: ['./data'],
    help: 'where everything is kept; made at first start, mode 0700',
    allowed: 'the path of a directory',
  }),
  setting('listen', {
    value: '[SCHEME://]HOST:PORT',
    defaults: ['127.0.0.1:9000'],
    repeatable: true,
    help: 'address to serve; https where a certificate is given, unless http:// says otherwise',
    allowed: 'HOST:PORT, [IPV6]:PORT, http://HOST:PORT or https://HOST:PORT, port 0 to 65535',
  }),
  setting('workers', {
    value: 'N',
    defaults: ['1'],
    help: 'processes that serve requests',
    allowed: `a whole number from 1 to ${maxWorkers}`,
  }),
  setting('blobseer', {
    value: 'FILE',
    help: "keep pages in the BlobSeer of this configuration file (the original's libconfig form), not in the data directory",
    allowed: 'the path of a file',
  }),
  setting('replication', {
    value: 'N',
    defaults: ['2'],
    help: 'data providers of that BlobSeer that keep each page',
    allowed: `a whole number from 1 to ${maxReplication}`,
  }),
  setting('page-size', {
    value: 'BYTES',
    defaults: ['auto'],
    help: 'bytes of a page of all new objects; auto suits it to the size of each',
    allowed: `auto, or a power of two from ${minPageSize} to ${maxPageSize}`,
  }),
  setting('domain', {
    value: 'DOMAIN',
    repeatable: true,
    help: 'serve BUCKET.DOMAIN as the bucket (virtual-host style) too',
    allowed: 'a domain name such as s3.example.net, without scheme and port',
  }),
  setting('trusted-proxy', {
    value: 'CIDR',
    repeatable: true,
    help: 'believe X-Forwarded-Host, -Proto and -For of peers in this network',
    allowed: 'an address or a network such as 10.0.0.0/8, 127.0.0.1 or fd00::/8',
  }),
  setting('public-host', {
    value: 'HOST[:PORT]',
    repeatable: true,
    help: 'what clients call us behind a trusted proxy that rewrites Host and sends no X-Forwarded-Host',
    allowed: `HOST, HOST:PORT or [IPV6]:PORT as clients send it in Host; at most ${maxPublicHosts} of them`,
  }),
  setting('region', {
    value: 'REGION',
    help: 'accept signatures for this region alone; any by default',
    allowed: 'a region name of letters, digits and dashes, such as us-east-1',
  }),
  setting('sigv2', {
    value: '',
    isSwitch: true,
    defaults: ['off'],
    help: 'accept Signature Version 2 too, for old clients; it signs neither bodies nor most headers',
    allowed: 'on, true, yes, 1, off, false, no or 0',
  }),
  setting('cumulus', {
    value: '',
    isSwitch: true,
    defaults: ['off'],
    help: "serve clients of Cumulus, Nimbus's S3 service, as it did; accepts Signature Version 2 too",
    allowed: 'on, true, yes, 1, off, false, no or 0',
  }),
  setting('tls-cert', {
    value: 'FILE',
    repeatable: true,
    help: 'certificate chain in PEM; the n-th goes with the n-th key, chosen by server name',
    allowed: 'the path of a PEM file',
  }),
  setting('tls-key', {
    value: 'FILE',
    repeatable: true,
    help: 'private key in PEM',
    allowed: 'the path of a PEM file',
  }),
  setting('log-level', {
    value: 'LEVEL',
    defaults: ['info'],
    help: 'how much is logged (JSON lines on stderr)',
    allowed: logLevels.join(', '),
  }),
  setting('access-key', {
    value: 'KEY',
    flag: false,
    help: "the root user's access key; generated at first start where absent",
    allowed: `text of ${accessKeyRule}`,
  }),
  setting('secret-key', {
    value: 'SECRET',
    flag: false,
    secret: true,
    help: "the root user's secret key",
    allowed: `text of ${secretRule}`,
  }),
];

function setting(
  name: SettingName,
  rest: Pick<Setting, 'value' | 'help' | 'allowed'> & Partial<Setting>,
): Setting {
  return {
    name,
    environment: `BLOBSEER_S3_${name.toUpperCase().replaceAll('-', '_')}`,
    flag: true,
    repeatable: false,
    isSwitch: false,
    secret: false,
    defaults: undefined,
    ...rest,
  };
}

function refuse(name: SettingName, text: string, origin: string): never {
  const { allowed, secret } = settings.find((candidate) => candidate.name === name)!;
  const shown = secret ? 'the value' : JSON.stringify(text);
  throw new ConfigError(`${name} (${origin}): ${shown} is not allowed; give ${allowed}`);
}

export function parseListen(text: string, origin: string, hasTls: boolean): ListenAddress {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]*):([0-9]{1,5})\/?$/.exec(
    text,
  );
  if (match === null) refuse('listen', text, origin);
  const [, scheme, host = '', portText = ''] = match;
  const port = Number(portText);
  if (port > 65535) refuse('listen', text, origin);
  const secure = scheme === undefined ? hasTls : scheme === 'https';
  if (secure && !hasTls) {
    throw new ConfigError(`listen (${origin}): "${text}" needs tls-cert and tls-key`);
  }
  // No host, as in ":9000", is every address of the machine: the habit of other servers.
  return { host: host === '' ? '::' : host.replace(/^\[|\]$/g, ''), port, secure };
}

const mostOf = { workers: maxWorkers, replication: maxReplication };

export function parseCount(name: keyof typeof mostOf, text: string, origin: string): number {
  if (!/^[0-9]{1,4}$/.test(text)) refuse(name, text, origin);
  const count = Number(text);
  if (count < 1 || count > mostOf[name]) refuse(name, text, origin);
  return count;
}

/** Undefined for what suits each object. */
export function parsePageSize(text: string, origin: string): number | undefined {
  if (text === 'auto') return undefined;
  const bytes = /^[0-9]{1,8}$/.test(text) ? Number(text) : Number.NaN;
  const isPowerOfTwo = Number.isInteger(Math.log2(bytes));
  if (isPowerOfTwo && bytes >= minPageSize && bytes <= maxPageSize) return bytes;
  return refuse('page-size', text, origin);
}

export function parseDomain(text: string, origin: string): string {
  const domain = text.toLowerCase();
  const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?';
  if (domain.length > 253 || !new RegExp(`^${label}(\\.${label})*$`).test(domain)) {
    refuse('domain', text, origin);
  }
  return domain;
}

/** A network in CIDR notation; an address alone is a network of one. */
export function parseNetwork(text: string, origin: string): Network {
  const slash = text.indexOf('/');
  const address = slash === -1 ? text : text.slice(0, slash);
  const version = isIP(address);
  if (version === 0 || address.includes('%')) refuse('trusted-proxy', text, origin);
  const addressBits = version === 4 ? 32 : 128;
  const prefixText = slash === -1 ? String(addressBits) : text.slice(slash + 1);
  const prefix = Number(prefixText);
  if (!/^[0-9]{1,3}$/.test(prefixText) || prefix > addressBits) {
    refuse('trusted-proxy', text, origin);
  }
  return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
}

export function parsePublicHosts(
  given: readonly (readonly [string, string])[],
  hasTrustedProxy: boolean,
): string[] {
  const [first] = given;
  if (first !== undefined && !hasTrustedProxy) {
    throw new ConfigError(
      `public-host (${first[1]}): it is used for requests of a trusted proxy alone; give trusted-proxy too`,
    );
  }
  if (first !== undefined && given.length > maxPublicHosts) refuse('public-host', ...first);
  return given.map(([text, origin]) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?$/.exec(text);
    if (match === null || Number(match[2] ?? 0) > 65535) refuse('public-host', text, origin);
    return text.toLowerCase();
  });
}

export function parseRegion(given: readonly [string, string] | undefined): string | undefined {
  if (given === undefined) return undefined;
  if (!/^[A-Za-z0-9-]{1,64}$/.test(given[0])) refuse('region', ...given);
  return given[0];
}

export function parseSwitch(name: SettingName, text: string, origin: string): boolean {
  if (/^(on|true|yes|1)$/i.test(text)) return true;
  if (/^(off|false|no|0)$/i.test(text)) return false;
  return refuse(name, text, origin);
}

export function parseLogLevel(text: string, origin: string): LogLevel {
  return logLevels.find((level) => level === text) ?? refuse('log-level', text, origin);
}

export function parseTlsPairs(
  certs: readonly (readonly [string, string])[],
  keys: readonly (readonly [string, string])[],
): TlsPair[] {
  if (certs.length !== keys.length) {
    throw new ConfigError(
      `tls-cert is given ${certs.length} times and tls-key ${keys.length} times; give a key for each certificate`,
    );
  }
  return certs.map(([certFile], index) => ({ certFile, keyFile: keys[index]?.[0] ?? '' }));
}

export function parseRootCredentials(
  accessKey: readonly [string, string] | undefined,
  secretKey: readonly [string, string] | undefined,
): RootCredentials | undefined {
  if (accessKey === undefined && secretKey === undefined) return undefined;
  if (accessKey === undefined || secretKey === undefined) {
    throw new ConfigError('access-key and secret-key: give both, or neither');
  }
  if (accessKeyFault(accessKey[0]) !== undefined) refuse('access-key', ...accessKey);
  if (secretFault(secretKey[0]) !== undefined) refuse('secret-key', ...secretKey);
  return { accessKey: accessKey[0], secretKey: secretKey[0] };
}
