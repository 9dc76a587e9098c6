/** What a gateway's store holds of blobs. */
import type { RemoteBlobSeer } from '../engine/remote.ts';

const tables = [
  'snapshots',
  'children',
  'graves',
  'remote-writes',
  'remote-tickets',
  'remote-intents',
  'remote-homes',
  'remote-releases',
  'remote-deferred',
  'remote-repairs',
  'remote-closings',
] as const;

/** Rows, by table. */
export type Rows = Readonly<Record<(typeof tables)[number], number>>;

const rowsOf = (count: (name: string) => number): Rows =>
  Object.fromEntries(tables.map((name) => [name, count(name)])) as Rows;

export const nothingLeft: Rows = rowsOf(() => 0);

export function leftRows({ store }: RemoteBlobSeer): Rows {
  store.refresh();
  return rowsOf((name) => store.table(name).keys({ limit: 10_000 }).length);
}
