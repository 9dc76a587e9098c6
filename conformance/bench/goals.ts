/**
 * What the project set out to reach, as data. All are ratios of one run on a machine of two cores, where
 * an acknowledged write is flushed. goals-table.ts says what came of them.
 */

/** What is measured of a work, as one number. */
export type Quantity =
  /** Operations a second, as a ratio to another server's. */
  | { readonly kind: 'rate'; readonly against: string }
  /** The median latency, as a ratio to another server's. */
  | { readonly kind: 'latency'; readonly against: string }
  /** Bytes a second, as a ratio to those of another work of ours. */
  | { readonly kind: 'throughput'; readonly work: string; readonly connections: number }
  /** A number that the work itself found. */
  | { readonly kind: 'extra'; readonly name: string }
  /** One number that the work found over another. */
  | { readonly kind: 'extras'; readonly name: string; readonly over: string }
  /** Of works `work-N`: the median latency at the largest N over that at the smallest. */
  | { readonly kind: 'growth' }
  /** The most anonymous memory, in MiB, of any process of ours in any work. */
  | { readonly kind: 'memory' };

export interface Goal {
  /** Names of a workload, and of how it is run; empty where all are meant. */
  readonly work: string;
  readonly connections: number;
  readonly words: string;
  readonly quantity: Quantity;
  /** Inclusive; one of the two. */
  readonly limit: { readonly atLeast: number } | { readonly atMost: number };
}

const rate = (
  work: string,
  connections: number,
  against: string,
  atLeast: number,
  words: string,
): Goal => ({
  ...{ work, connections, words },
  quantity: { kind: 'rate', against },
  limit: { atLeast },
});

export const goals: readonly Goal[] = [
  rate('put-4k', 32, 'rgw', 8, 'at least 8x RGW'),
  rate('put-4k', 32, 's3rver', 3, 'at least 3x s3rver, which does not sync'),
  {
    ...{ work: 'put-4k', connections: 1 },
    words: 'within 1.5x of the latency of one append and fdatasync behind node:http',
    quantity: { kind: 'latency', against: 'bare-synced' },
    limit: { atMost: 1.5 },
  },
  rate('get-4k', 32, 'rgw', 6, 'at least 6x RGW'),
  rate('get-4k', 32, 'bare', 1, 'no slower than the bare file server'),
  rate('head', 32, 'rgw', 5, 'at least 5x RGW'),
  rate('delete', 32, 'rgw', 5, 'at least 5x RGW'),
  rate('put-16m', 8, 'rgw', 1.5, 'at least 1.5x RGW'),
  rate('put-16m', 8, 'bare-synced', 1, 'no slower than MD5 to a file with fdatasync'),
  rate('get-16m', 8, 'rgw', 2.5, 'at least 2.5x RGW'),
  rate('get-16m', 8, 'bare', 0.9, '90 % of the bare file server'),
  {
    ...{ work: 'multipart', connections: 4 },
    words: 'as fast per byte as PUT of 16 MiB over as many connections',
    quantity: { kind: 'extras', name: 'uploadMiBps', over: 'putMiBps' },
    limit: { atLeast: 1 },
  },
  {
    ...{ work: 'multipart', connections: 4 },
    words: 'as fast per byte as PUT of 16 MiB over 8 connections',
    quantity: { kind: 'throughput', work: 'put-16m', connections: 8 },
    limit: { atLeast: 1 },
  },
  {
    ...{ work: 'multipart', connections: 4, words: 'Complete under 20 ms' },
    quantity: { kind: 'extra', name: 'completeMs' },
    limit: { atMost: 20 },
  },
  rate('list-10000', 1, 'rgw', 10, '1000 keys at least 10x RGW'),
  {
    ...{ work: 'list', connections: 1 },
    words: 'under 1.3x between the smallest and the largest number of keys',
    quantity: { kind: 'growth' },
    limit: { atMost: 1.3 },
  },
  {
    ...{ work: 'overwrite-1-percent', connections: 1 },
    words: 'the disk grows by the changed pages and under 2 % metadata',
    quantity: { kind: 'extras', name: 'grownMiB', over: 'changedMiB' },
    limit: { atMost: 1.02 },
  },
  {
    ...{ work: 'disk-1', connections: 32, words: 'objects of 1 byte under 1 KiB on disk' },
    quantity: { kind: 'extra', name: 'diskBytesPerObject' },
    limit: { atMost: 1024 },
  },
  {
    ...{ work: 'disk-4k', connections: 32, words: 'objects of 4 KiB under 1.5x on disk' },
    quantity: { kind: 'extra', name: 'diskPerByte' },
    limit: { atMost: 1.5 },
  },
  {
    ...{ work: '', connections: 0 },
    words: 'anonymous memory (MiB) of a process under 256 in every work',
    quantity: { kind: 'memory' },
    limit: { atMost: 256 },
  },
];
