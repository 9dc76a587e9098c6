/**
 * Addresses in what was stored, when the programs that they name are elsewhere after a restore: texts HOST:PORT of
 * before to those of now.
 */
import type { Row, Store, Table, Transaction } from '../../store.ts';
import { addressOf, addressText } from '../remote-error.ts';
import { archiveVersionOf } from '../wire/archive.ts';
import {
  decodeProviders,
  encodePageProviders,
  type Provider,
  pageKeyBytes,
} from '../wire/records.ts';
import { moveGateways } from './cluster-state.ts';
import { decodeDeferred, encodeDeferred } from './records.ts';
import { openRemoteTables } from './tables.ts';

export type Moves = ReadonlyMap<string, string>;

/** Rows of one commit: it is short, however many there are. */
const rowsAtOnce = 1000;

/** Of a gateway's directory: where providers are, and what metadata providers have to be told yet. */
export async function moveInDirectory(store: Store, moves: Moves): Promise<void> {
  const { providers, deferred, cluster } = openRemoteTables(store);
  await changeRows(store, providers, ({ value }) => {
    const moved = moves.get(value.toString());
    return moved === undefined ? undefined : Buffer.from(moved);
  });
  await changeRows(store, deferred, ({ value }) => {
    const { call, items } = decodeDeferred(value);
    if (call !== 'put') return undefined;
    const moved = items.map((item, index) => {
      const key = items[index - 1];
      const isList = index % 2 === 1 && key?.length === pageKeyBytes;
      return isList ? (movedProviders(item, moves) ?? item) : item;
    });
    return encodeDeferred({ call, items: moved });
  });
  await store.commit((transaction) => moveGateways(transaction, cluster, moves));
}

/** Every row for which `change` has something new. `onChanged` is told inside the commit. */
export async function changeRows(
  store: Store,
  table: Table,
  change: (row: Row) => Buffer | undefined,
  onChanged: (transaction: Transaction, before: Buffer, now: Buffer) => void = () => undefined,
): Promise<void> {
  for (let start: Buffer | undefined; ; ) {
    store.refresh();
    const rows = table.range({ ...(start && { start }), limit: rowsAtOnce });
    await store.commit((transaction) => {
      for (const row of rows) {
        const now = change(row);
        if (now === undefined) continue;
        transaction.put(table, row.key, now);
        onChanged(transaction, row.value, now);
      }
    });
    const last = rows[rows.length - 1];
    if (last === undefined || rows.length < rowsAtOnce) return;
    start = Buffer.concat([last.key, Buffer.alloc(1)]);
  }
}

/** A list of a page's providers; undefined when all of them are where they were. */
export function movedProviders(value: Uint8Array, moves: Moves): Buffer | undefined {
  const before = decodeProviders(value);
  const now = before.map((provider) => movedProvider(provider, moves));
  if (now.every((provider, index) => provider === before[index])) return undefined;
  return encodePageProviders(onlyOnce(now), archiveVersionOf(value));
}

/** A list of an unlucky length names its first member a second time. */
function onlyOnce(providers: readonly Provider[]): readonly Provider[] {
  const [first, ...others] = providers;
  const last = others.at(-1);
  const isDoubled = last?.host === first?.host && last?.service === first?.service;
  return isDoubled ? providers.slice(0, -1) : providers;
}

function movedProvider(provider: Provider, moves: Moves): Provider {
  const { host, service } = provider;
  const moved = moves.get(addressText({ host, port: Number(service) }));
  if (moved === undefined) return provider;
  const { host: newHost, port } = addressOf(moved);
  return { host: newHost, service: `${port}` };
}
