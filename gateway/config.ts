/**
 * The configuration: flags over environment over an optional file, read once at start, validated,
 * frozen and passed down. Settings only; components (store, clock, logger) live in Services.
 * The settings themselves, with their allowed values, are in config-settings.ts.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import {
  ConfigError,
  type LogLevel,
  parseCount,
  parseDomain,
  parseListen,
  parseLogLevel,
  parseNetwork,
  parsePageSize,
  parsePublicHosts,
  parseRegion,
  parseRootCredentials,
  parseSwitch,
  parseTlsPairs,
  type Setting,
  type SettingName,
  settings,
} from './config-settings.ts';
import { suggestion } from './suggestion.ts';

export { ConfigError, type LogLevel, type Setting, type SettingName, settings };

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly secure: boolean;
}

export interface TlsPair {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Of `family`, all addresses whose first `prefix` bits are those of `address`. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

export interface RootCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Config {
  /** Absolute path. */
  readonly dataDirectory: string;
  readonly listen: readonly ListenAddress[];
  readonly workers: number;
  /** The configuration file of the BlobSeer that has the pages, absolute; undefined: the directory has them. */
  readonly blobseerFile: string | undefined;
  /** Data providers of that BlobSeer that keep each page. */
  readonly replication: number;
  /** Bytes of the pages of new objects; undefined: what suits each. */
  readonly pageSize: number | undefined;
  /** Domains for virtual-host addressing, lower case; `bucket.domain` names a bucket. */
  readonly domains: readonly string[];
  /** Proxies in front of us: what they forward about the client is believed. */
  readonly trustedProxies: readonly Network[];
  /** What clients may have sent as Host to a trusted proxy, lower case; with the port, where it has one. */
  readonly publicHosts: readonly string[];
  /** Undefined: a signature for any region is accepted and answers say `defaultRegion`. */
  readonly region: string | undefined;
  /** Signature Version 2 is accepted beside Version 4. */
  readonly sigv2: boolean;
  /** Clients of Cumulus, Nimbus's S3 service, are served as it served them; `sigv2` goes with it. */
  readonly cumulus: boolean;
  readonly tls: readonly TlsPair[];
  readonly logLevel: LogLevel;
  /** Undefined: generated at first start and kept in the data directory. */
  readonly rootCredentials: RootCredentials | undefined;
}

/** What answers say where no region is configured. */
export const defaultRegion = 'us-east-1';

/** Where a setting's value came from, in words: 'flag', 'environment BLOBSEER_S3_DATA', a file's name. */
export type Origin = string;

export interface GivenValue {
  readonly values: readonly string[];
  readonly origin: Origin;
}

export interface LoadedConfig {
  readonly config: Config;
  /** The text in force per setting, and where it came from; secrets are in it. */
  readonly given: ReadonlyMap<SettingName, GivenValue>;
}

export interface ConfigSources {
  /** Flag name without dashes to values, as node:util parseArgs gives them. */
  readonly flags: Readonly<Record<string, readonly string[] | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths of flags and environment start here; those of a file start at the file. */
  readonly workingDirectory: string;
}

/** Throws `ConfigError`, whose message names the key, where it stood, and what is allowed. */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const file = configFileOf(sources);
  const fromFile = file === undefined ? new Map<SettingName, GivenValue>() : readConfigFile(file);
  const given = new Map<SettingName, GivenValue>();
  for (const setting of settings) {
    const value =
      fromFlag(setting, sources) ??
      fromEnvironment(setting, sources) ??
      fromFile.get(setting.name) ??
      (setting.defaults === undefined
        ? undefined
        : { values: setting.defaults, origin: 'default' });
    if (value !== undefined) given.set(setting.name, value);
  }
  const fileDirectory = file === undefined ? sources.workingDirectory : path.dirname(file);
  const baseOf = (value: GivenValue): string =>
    value.origin === file ? fileDirectory : sources.workingDirectory;
  return { config: buildConfig(given, baseOf), given };
}

/** Every setting at its default, with the changes given: for tests and programs that embed us. */
export function configWith(changes: Partial<Config> & Pick<Config, 'dataDirectory'>): Config {
  return Object.freeze({
    listen: [{ host: '127.0.0.1', port: 9000, secure: false }],
    workers: 1,
    blobseerFile: undefined,
    replication: 2,
    pageSize: undefined,
    domains: [],
    trustedProxies: [],
    publicHosts: [],
    region: undefined,
    sigv2: false,
    cumulus: false,
    tls: [],
    logLevel: 'info',
    rootCredentials: undefined,
    ...changes,
  });
}

function buildConfig(
  given: ReadonlyMap<SettingName, GivenValue>,
  baseOf: (value: GivenValue) => string,
): Config {
  const one = (name: SettingName): [string, Origin] | undefined => {
    const value = given.get(name);
    return value?.values[0] === undefined ? undefined : [value.values[0], value.origin];
  };
  const each = (name: SettingName): [string, Origin][] => {
    const value = given.get(name);
    return (value?.values ?? []).map((text) => [text, value?.origin ?? '']);
  };
  const file = (name: SettingName): [string, Origin][] => {
    const value = given.get(name);
    if (value === undefined) return [];
    return value.values.map((text) => {
      // An empty path would be the working directory: a variable of a script that was not set.
      if (text === '') throw new ConfigError(`${name} (${value.origin}): the path is empty`);
      return [path.resolve(baseOf(value), text), value.origin];
    });
  };
  const tls = parseTlsPairs(file('tls-cert'), file('tls-key'));
  const trustedProxies = each('trusted-proxy').map((entry) => parseNetwork(...entry));
  const cumulus = parseSwitch('cumulus', ...(one('cumulus') ?? ['off', 'default']));
  const data = file('data')[0];
  if (data === undefined) throw new ConfigError('data: give the path of a directory');
  return Object.freeze({
    dataDirectory: data[0],
    listen: Object.freeze(each('listen').map((entry) => parseListen(...entry, tls.length > 0))),
    workers: parseCount('workers', ...(one('workers') ?? ['1', 'default'])),
    blobseerFile: file('blobseer')[0]?.[0],
    replication: parseCount('replication', ...(one('replication') ?? ['2', 'default'])),
    pageSize: parsePageSize(...(one('page-size') ?? ['auto', 'default'])),
    domains: Object.freeze(each('domain').map((entry) => parseDomain(...entry))),
    trustedProxies: Object.freeze(trustedProxies),
    publicHosts: Object.freeze(parsePublicHosts(each('public-host'), trustedProxies.length > 0)),
    region: parseRegion(one('region')),
    sigv2: parseSwitch('sigv2', ...(one('sigv2') ?? ['off', 'default'])) || cumulus,
    cumulus,
    tls: Object.freeze(tls),
    logLevel: parseLogLevel(...(one('log-level') ?? ['info', 'default'])),
    rootCredentials: parseRootCredentials(one('access-key'), one('secret-key')),
  });
}

function fromFlag(setting: Setting, sources: ConfigSources): GivenValue | undefined {
  const values = setting.flag ? sources.flags[setting.name] : undefined;
  if (values === undefined || values.length === 0) return undefined;
  if (!setting.repeatable && values.length > 1) {
    throw new ConfigError(`--${setting.name} is given ${values.length} times; give it once`);
  }
  return { values, origin: `flag --${setting.name}` };
}

function fromEnvironment(setting: Setting, sources: ConfigSources): GivenValue | undefined {
  const text = sources.environment[setting.environment];
  if (text === undefined || text === '') return undefined;
  const values = setting.repeatable ? text.split(',').map((part) => part.trim()) : [text];
  return { values, origin: `environment ${setting.environment}` };
}

function configFileOf(sources: ConfigSources): string | undefined {
  const flags = sources.flags.config ?? [];
  if (flags.length > 1) throw new ConfigError('--config is given more than once; give one file');
  const name = flags[0] ?? sources.environment.BLOBSEER_S3_CONFIG;
  return name === undefined || name === ''
    ? undefined
    : path.resolve(sources.workingDirectory, name);
}

/** Without the parser's own words for bad YAML: they quote the file, which may hold the secret. */
function fileFault(error: unknown): string {
  if (error instanceof YAMLParseError) {
    const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
    return `line ${line}, column ${col} is no YAML (${error.code})`;
  }
  return error instanceof Error && 'code' in error ? error.message : 'it is no YAML';
}

/** YAML 1.2, and so JSON too: a mapping of the settings' names. */
function readConfigFile(file: string): Map<SettingName, GivenValue> {
  let document: unknown;
  try {
    document = parseYaml(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(`the configuration file ${file} cannot be read: ${fileFault(error)}`);
  }
  if (document === null) return new Map();
  if (typeof document !== 'object' || Array.isArray(document)) {
    throw new ConfigError(`${file}: expected "key: value" lines`);
  }
  const found = new Map<SettingName, GivenValue>();
  for (const [name, value] of Object.entries(document)) {
    const setting = settings.find((candidate) => candidate.name === name);
    if (setting === undefined) {
      const names = settings.map((candidate) => candidate.name);
      throw new ConfigError(
        `${file}: unknown key "${name}"${suggestion(name, names)}; keys are ${names.join(', ')}`,
      );
    }
    found.set(setting.name, { values: fileValues(setting, value, file), origin: file });
  }
  return found;
}

/** Settings that a file may give without quotes. */
const numbers: ReadonlySet<SettingName> = new Set(['workers', 'replication', 'page-size']);

function fileValues(setting: Setting, value: unknown, file: string): string[] {
  const items: unknown[] = Array.isArray(value) ? value : [value];
  if (Array.isArray(value) && !setting.repeatable) {
    throw new ConfigError(`${file}: ${setting.name} takes one value, not a list`);
  }
  return items.map((item) => {
    if (typeof item === 'string') return item;
    // A number that YAML would print differently (0123, 1e3) must be quoted; secrets are text.
    if (typeof item === 'number' && numbers.has(setting.name)) return String(item);
    if (typeof item === 'boolean' && setting.isSwitch) return String(item);
    throw new ConfigError(
      `${file}: ${setting.name} must be ${setting.allowed} (put text that looks like a number in quotes)`,
    );
  });
}
