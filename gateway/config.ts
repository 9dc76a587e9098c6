/**
 * The configuration: flags over environment over an optional file, read once at start, validated,
 * frozen and passed down. Settings only; components (store, clock, logger) live in Services.
 */

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

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

export interface RootCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Config {
  /** Absolute path. */
  readonly dataDirectory: string;
  readonly listen: readonly ListenAddress[];
  readonly workers: number;
  /** Domains for virtual-host addressing, lower case; `bucket.domain` names a bucket. */
  readonly domains: readonly string[];
  /** Undefined: a signature for any region is accepted and answers say `defaultRegion`. */
  readonly region: string | undefined;
  readonly tls: readonly TlsPair[];
  readonly logLevel: LogLevel;
  /** Undefined: generated at first start and kept in the data directory. */
  readonly rootCredentials: RootCredentials | undefined;
}

/** What answers say where no region is configured. */
export const defaultRegion = 'us-east-1';

/** Every setting at its default, with the changes given: for tests and programs that embed us. */
export function configWith(changes: Partial<Config> & Pick<Config, 'dataDirectory'>): Config {
  return Object.freeze({
    listen: [{ host: '127.0.0.1', port: 9000, secure: false }],
    workers: 1,
    domains: [],
    region: undefined,
    tls: [],
    logLevel: 'info',
    rootCredentials: undefined,
    ...changes,
  });
}
