/** All that is measured, in order, and how large. */
import { amidVersions, behindDeleted, listing, starting } from './list-work.ts';
import { completing, copying, multipart, overwriting } from './multipart-work.ts';
import { diskUse, get, head, put, ranges, remove } from './object-work.ts';
import { kibibyte, mebibyte, type Scale, type Workload } from './workload.ts';

export const fullScale: Scale = {
  pace: { warmupMs: 1000, durationMs: 5000 },
  settles: true,
  smallObjects: 1000,
  onceRequests: 40_000,
  largeBytes: 1024 * mebibyte,
  partBytes: 16 * mebibyte,
  listedKeys: [10_000],
  versionCounts: [10_000],
  deletedKeys: [10_000],
  directFrom: 5000,
  partCounts: [10, 100, 1000, 10_000],
  connections: [1, 8, 32, 256],
};

/** Only to see that everything runs. */
export const tinyScale: Scale = {
  pace: { warmupMs: 0, durationMs: 100 },
  settles: false,
  smallObjects: 10,
  onceRequests: 200,
  largeBytes: 12 * mebibyte,
  partBytes: 6 * mebibyte,
  listedKeys: [50],
  versionCounts: [20],
  deletedKeys: [20],
  directFrom: 50,
  partCounts: [3],
  connections: [2],
};

const sizes: readonly (readonly [string, number])[] = [
  ['4k', 4 * kibibyte],
  ['64k', 64 * kibibyte],
  ['1m', mebibyte],
  ['16m', 16 * mebibyte],
];

/** What the disk takes comes first: once something was deleted, new objects take its place. */
export function workloads(scale: Scale): Workload[] {
  return [
    diskUse('1', 1, scale),
    diskUse('4k', 4 * kibibyte, scale),
    overwriting(scale),
    ...sizes.flatMap(([name, bytes]) => [put(name, bytes, scale), get(name, bytes, scale)]),
    head(scale),
    remove(scale),
    ranges(scale),
    multipart(scale, put('beside-parts', scale.partBytes, scale)),
    ...scale.partCounts.flatMap((parts) => [completing(parts), copying(parts)]),
    ...scale.listedKeys.flatMap((keys) => [
      listing(keys, scale, 'list', ''),
      listing(keys, scale, 'list-delimiter', '&delimiter=%2F'),
    ]),
    ...scale.versionCounts.flatMap((versions) => amidVersions(versions, scale)),
    ...scale.deletedKeys.flatMap((keys) => [
      behindDeleted(keys, scale, false),
      behindDeleted(keys, scale, true),
    ]),
    ...scale.listedKeys.map((keys) => starting(keys, scale)),
  ];
}
