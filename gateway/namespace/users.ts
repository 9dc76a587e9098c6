/** Users and the index of their access keys. Every request looks one up, so records are kept. */
import type { Transaction } from '../../blobseer-client/index.ts';
import { maxUserIdBytes } from './buckets.ts';
import { type Context, invalidArgument } from './context.ts';
import { NamespaceError } from './errors.ts';
import { justAfter } from './keys.ts';
import type { AccessKey, User } from './namespace.ts';
import { decodeUser, encodeUser } from './records.ts';

const maxAccessKeyBytes = 256;
const batchRows = 500;
/** Decoded users, and access keys, kept in memory. */
const maxRemembered = 1000;

interface Remembered {
  readonly row: Buffer;
  readonly value: Buffer;
  readonly user: User;
}

export class Users {
  private readonly context: Context;
  private readonly remembered = new Map<string, Remembered>();
  /** Access key -> the user that had it when it was last looked up. */
  private readonly holders = new Map<string, string>();

  constructor(context: Context) {
    this.context = context;
  }

  byId(id: string): User | undefined {
    const { users } = this.context.tables;
    const known = this.remembered.get(id);
    const row = known?.row ?? rowKey(id, maxUserIdBytes);
    if (row === undefined) return undefined;
    // Kept as long as the row's bytes are the same, so what another process wrote is seen at once.
    const value = known === undefined ? users.get(row) : users.getAgain(row, known.value);
    if (value === undefined || value === known?.value) return value && known?.user;
    const user = decodeUser(value, id);
    if (this.remembered.size >= maxRemembered) this.remembered.clear();
    this.remembered.set(id, { row, value, user });
    return user;
  }

  byAccessKey(accessKey: string): { user: User; key: AccessKey } | undefined {
    const holder = this.holders.get(accessKey);
    // A user's row names all of his keys: whether he still has this one, it says itself.
    const held = holder === undefined ? undefined : this.ifHolds(holder, accessKey);
    return held ?? this.find(accessKey);
  }

  private find(accessKey: string): { user: User; key: AccessKey } | undefined {
    const row = rowKey(accessKey, maxAccessKeyBytes);
    const id = row && this.context.tables.accessKeys.get(row)?.toString('utf8');
    const found = id === undefined ? undefined : this.ifHolds(id, accessKey);
    if (id === undefined || found === undefined) return undefined;
    if (this.holders.size >= maxRemembered) this.holders.clear();
    this.holders.set(accessKey, id);
    return found;
  }

  private ifHolds(id: string, accessKey: string): { user: User; key: AccessKey } | undefined {
    const user = this.byId(id);
    const key = user?.keys.find((candidate) => candidate.accessKey === accessKey);
    return user && key && { user, key };
  }

  /** By id. */
  all(): User[] {
    const users: User[] = [];
    let start: Buffer = Buffer.alloc(1);
    for (;;) {
      const rows = this.context.tables.users.range({ start, limit: batchRows });
      for (const { key, value } of rows) users.push(decodeUser(value, key.toString('utf8')));
      const lastRow = rows.at(-1);
      if (lastRow === undefined) return users;
      start = justAfter(lastRow.key);
    }
  }

  put(transaction: Transaction, user: User): void {
    const { tables } = this.context;
    const row = rowKey(user.id, maxUserIdBytes);
    if (row === undefined) throw invalidArgument('bad user id');
    const wanted = new Set<string>();
    for (const { accessKey } of user.keys) {
      const keyRow = rowKey(accessKey, maxAccessKeyBytes);
      if (keyRow === undefined) throw invalidArgument('bad access key');
      if (wanted.has(accessKey)) throw invalidArgument(`access key ${accessKey} is there twice`);
      const holder = tables.accessKeys.get(keyRow);
      if (holder !== undefined && !holder.equals(row)) {
        throw new NamespaceError('access-key-taken', `access key ${accessKey} is another user's`);
      }
      wanted.add(accessKey);
      transaction.put(tables.accessKeys, keyRow, row);
    }
    for (const { accessKey } of this.byId(user.id)?.keys ?? []) {
      if (!wanted.has(accessKey)) transaction.remove(tables.accessKeys, Buffer.from(accessKey));
    }
    transaction.put(tables.users, row, encodeUser(user));
  }

  remove(transaction: Transaction, id: string): boolean {
    const { tables } = this.context;
    const user = this.byId(id);
    if (user === undefined) return false;
    for (const { accessKey } of user.keys) {
      transaction.remove(tables.accessKeys, Buffer.from(accessKey));
    }
    return transaction.remove(tables.users, Buffer.from(id));
  }
}

function rowKey(text: string, maxBytes: number): Buffer | undefined {
  const bytes = Buffer.from(text);
  return bytes.length > 0 && bytes.length <= maxBytes ? bytes : undefined;
}
