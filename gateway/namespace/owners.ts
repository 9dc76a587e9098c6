/**
 * Owner ids, which are long (S3's are 64 hex digits) and few, stand in entries and versions as 6
 * bytes of their SHA-256. What the 6 bytes stand for is a row of its own, written with the first
 * version that needs it and never changed, so what was read once may be kept in memory: even if that
 * commit is undone, the same bytes can only ever mean the same id.
 */
import { createHash } from 'node:crypto';
import type { Table, Transaction } from '../../blobseer-client/index.ts';
import type { ByteReader, ByteWriter } from './bytes.ts';
import { NamespaceError } from './errors.ts';

const tokenBytes = 6;
/** Shorter ids are written as they are. */
const shortestInternedBytes = 7;
/** Bounds what a directory with very many users can hold in memory. */
const maxRemembered = 10_000;

/** In a record, an owner id: 00 and the token, or its length plus one and its text. */
const internedMark = 0;

export class Owners {
  private readonly table: Table;
  private readonly texts = new Map<number, string>();
  /** What was read last: neighbours in a listing have the same owner. */
  private last = { token: -1, text: '' };
  private lastShort = { token: -1, text: '' };
  private readonly tokens = new Map<string, Buffer>();
  /** Ids whose rows are there, and durable. */
  private readonly stored = new Set<string>();

  constructor(table: Table) {
    this.table = table;
  }

  write(transaction: Transaction, writer: ByteWriter, ownerId: string): void {
    const token = this.intern(transaction, ownerId);
    if (token === undefined) {
      const bytes = Buffer.from(ownerId);
      writer.varint(bytes.length + 1);
      writer.raw(bytes);
    } else {
      writer.u8(internedMark);
      writer.raw(token);
    }
  }

  read(reader: ByteReader): string {
    const mark = reader.varint();
    if (mark !== internedMark) return this.textHere(reader, mark - 1);
    const token = reader.u48();
    if (token === this.last.token) return this.last.text;
    const text = this.textOf(token);
    this.last = { token, text };
    return text;
  }

  private textHere(reader: ByteReader, length: number): string {
    if (length >= shortestInternedBytes) return reader.raw(length).toString('utf8');
    const start = reader.skip(length);
    let token = length;
    for (let at = start; at < reader.offset; at += 1) token = token * 256 + reader.buffer[at]!;
    if (token !== this.lastShort.token) {
      const text = reader.buffer.toString('utf8', start, reader.offset);
      this.lastShort = { token, text };
    }
    return this.lastShort.text;
  }

  private textOf(token: number): string {
    const known = this.texts.get(token);
    if (known !== undefined) return known;
    const key = Buffer.alloc(tokenBytes);
    key.writeUIntBE(token, 0, tokenBytes);
    const text = this.table.get(key)?.toString('utf8');
    if (text === undefined) throw new NamespaceError('corrupt', 'a record names an unknown owner');
    if (this.texts.size >= maxRemembered) this.texts.clear();
    this.texts.set(token, text);
    return text;
  }

  /** Undefined where the id is short, or where another id has its 6 bytes. */
  private intern(transaction: Transaction, ownerId: string): Buffer | undefined {
    if (Buffer.byteLength(ownerId) < shortestInternedBytes) return undefined;
    const token = this.tokenOf(ownerId);
    if (this.stored.has(ownerId)) return token;
    const text = Buffer.from(ownerId);
    const there = this.table.get(token);
    if (there === undefined) {
      transaction.put(this.table, token, text);
      return token;
    }
    if (!there.equals(text)) return undefined;
    // Not before: the commit that wrote it may be undone, be it this one or one beside it.
    transaction.onKept(() => this.stored.add(ownerId));
    return token;
  }

  private tokenOf(ownerId: string): Buffer {
    let token = this.tokens.get(ownerId);
    if (token === undefined) {
      token = createHash('sha256').update(ownerId).digest().subarray(0, tokenBytes);
      if (this.tokens.size >= maxRemembered) {
        this.tokens.clear();
        this.stored.clear();
      }
      this.tokens.set(ownerId, token);
    }
    return token;
  }
}
