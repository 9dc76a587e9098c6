/** What the model is calculated from: the shape of model-constants.json, which constants.ts measures. */

export const operations = ['put-4k', 'get-4k', 'put-16m', 'get-16m'] as const;
export type OperationName = (typeof operations)[number];

export const roles = [
  'gateway',
  'version-manager',
  'provider-manager',
  'metadata-provider',
  'data-provider',
] as const;
export type RoleName = (typeof roles)[number];

/** What one operation takes of a role's processes, all of them together, in milliseconds of processor time. */
export interface Demand {
  readonly cpuMs: number;
  /** Of that, on main threads: no process gets more than one second of it in a second. */
  readonly mainMs: number;
  /** What its files were written with, in KiB: pages, logs, LMDB's own pages. */
  readonly writtenKiB: number;
}

/** By operation and role. A role that has no part in it takes nothing. */
export type Demands = Readonly<Record<OperationName, Readonly<Partial<Record<RoleName, Demand>>>>>;

/** Median latencies of one connection, in milliseconds. */
export interface Alone {
  readonly putMs: number;
  readonly getMs: number;
}

export interface Constants {
  readonly machine: string;
  readonly node: string;
  /** ISO 8601. */
  readonly date: string;
  /** What else the machine did: its load average before. */
  readonly loadAverage: number;
  /** One append of 4 KiB and fdatasync. */
  readonly syncMs: number;
  /** Appends of 8 MiB, each with fdatasync. */
  readonly diskMiBPerSecond: number;
  /** One thread each. */
  readonly digestMiBPerSecond: {
    readonly md5: number;
    readonly sha256: number;
    readonly crc32c: number;
  };
  readonly embedded: { readonly alone: Alone; readonly demands: Demands };
  /** A BlobSeer of entities, pages and metadata on one of them each; and on two of them each. */
  readonly cluster: {
    readonly alone: Alone;
    readonly unreplicated: Demands;
    readonly replicatedTwice: Demands;
  };
}
