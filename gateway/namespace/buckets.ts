/** Buckets: by name, by id, and by owner. */
import type { Transaction } from '../../blobseer-client/index.ts';
import { type Context, invalidArgument, nextNumber } from './context.ts';
import { NamespaceError } from './errors.ts';
import { bucketEnd, bucketKey, escapeKey, justAfter, successor, withTail } from './keys.ts';
import type {
  Acl,
  Bucket,
  BucketDraft,
  BucketSetting,
  ListPage,
  ObjectOwnership,
  VersioningState,
} from './namespace.ts';
import { decodeBucket, encodeBucket } from './records.ts';

const maxNameBytes = 255;
/** As long as an S3 key's owner can sensibly be; keeps every row key within the table's limit. */
export const maxUserIdBytes = 256;
const maxBatchRows = 1000;
/** More than a bucket can have. */
const maxSettings = 250;
/** Buckets whose decoded records are kept. */
const maxDecoded = 1000;
const nothing = Buffer.alloc(0);

/** Their numbers are in row keys on disk: never change one. */
const settingNumbers: Readonly<Record<BucketSetting, number>> = { cors: 1, tagging: 2 };

export interface BucketQuery {
  readonly ownerId: string;
  readonly prefix: string;
  readonly after: string;
  readonly limit: number;
}

/** A row, and what it says. */
interface Decoded {
  readonly row: Buffer;
  readonly value: Buffer;
  readonly bucket: Bucket;
}

export class Buckets {
  private readonly context: Context;
  /** By name. Every request looks at its bucket several times. */
  private readonly decoded = new Map<string, Decoded>();
  /** The last one that a commit has looked at, until something of buckets is written. */
  private looked: { readonly transaction: Transaction; readonly bucket: Bucket } | undefined;

  constructor(context: Context) {
    this.context = context;
  }

  byName(name: string): Bucket | undefined {
    const { buckets } = this.context.tables;
    const known = this.decoded.get(name);
    const row = known?.row ?? Buffer.from(name);
    if (row.length === 0 || row.length > maxNameBytes) return undefined;
    // The same bytes say the same: what another process wrote is seen at once.
    const value = known === undefined ? buckets.get(row) : buckets.getAgain(row, known.value);
    if (value === undefined || value === known?.value) return value && known?.bucket;
    const bucket = decodeBucket(value, name);
    if (this.decoded.size >= maxDecoded) this.decoded.clear();
    this.decoded.set(name, { row, value, bucket });
    return bucket;
  }

  /** Inside a commit, which may ask again and again. */
  within(transaction: Transaction, name: string): Bucket | undefined {
    const { looked } = this;
    if (looked?.transaction === transaction && looked.bucket.name === name) return looked.bucket;
    const bucket = this.byName(name);
    if (bucket !== undefined) this.looked = { transaction, bucket };
    return bucket;
  }

  byId(id: number): Bucket | undefined {
    const name = this.context.tables.bucketsById.get(bucketKey(id));
    return name && this.byName(name.toString('utf8'));
  }

  exists(id: number): boolean {
    return this.context.tables.bucketsById.has(bucketKey(id));
  }

  /** Inside a commit: a bucket that was seen before, as it is now. Throws `no-such-bucket`. */
  present(transaction: Transaction, { id, name }: Pick<Bucket, 'id' | 'name'>): Bucket {
    const bucket = this.within(transaction, name);
    if (bucket?.id !== id) throw new NamespaceError('no-such-bucket', `bucket ${id} is gone`);
    return bucket;
  }

  /** Inside a commit: the bucket as it is now. Throws `no-such-bucket`. */
  expect(id: number): Bucket {
    const bucket = this.byId(id);
    if (bucket === undefined) throw new NamespaceError('no-such-bucket', `bucket ${id} is gone`);
    return bucket;
  }

  list(query: BucketQuery): ListPage<Bucket> {
    const { tables } = this.context;
    const owner = ownerPrefix(query.ownerId);
    const first = Buffer.concat([owner, Buffer.from(query.prefix).subarray(0, maxNameBytes + 1)]);
    const after = Buffer.from(query.after).subarray(0, maxNameBytes + 1);
    const marked = query.after === '' ? first : justAfter(Buffer.concat([owner, after]));
    const end = successor(first);
    const items: Bucket[] = [];
    let next = Buffer.compare(marked, first) > 0 ? marked : first;
    for (;;) {
      // A bucket more than is wanted tells whether the list is truncated.
      const limit = Math.min(query.limit + 1 - items.length, maxBatchRows);
      const rows =
        query.limit > 0 && limit > 0 && end && Buffer.compare(next, end) < 0
          ? tables.bucketsByOwner.keys({ start: next, end, limit })
          : [];
      for (const row of rows) {
        if (items.length === query.limit) return bucketPage(items, true);
        const name = row.subarray(owner.length).toString('utf8');
        const bucket = this.byName(name);
        if (bucket === undefined) throw new NamespaceError('corrupt', `no row of bucket ${name}`);
        items.push(bucket);
      }
      const lastRow = rows.at(-1);
      if (lastRow === undefined || rows.length < limit) return bucketPage(items, false);
      next = justAfter(lastRow);
    }
  }

  create(transaction: Transaction, draft: BucketDraft): Bucket | undefined {
    const { tables } = this.context;
    const name = Buffer.from(draft.name);
    if (name.length === 0 || name.length > maxNameBytes) throw invalidArgument('bad bucket name');
    if (Buffer.byteLength(draft.ownerId) > maxUserIdBytes) throw invalidArgument('bad owner id');
    if (tables.buckets.has(name)) return undefined;
    const { ownerId, createdMs, location, acl, ownership } = draft;
    const id = nextNumber(this.context, transaction, 'buckets');
    const bucket: Bucket = {
      id,
      name: draft.name,
      ownerId,
      createdMs,
      location,
      acl,
      versioning: 'Unversioned',
      ...(ownership && { ownership }),
    };
    this.looked = undefined;
    transaction.put(tables.buckets, name, encodeBucket(bucket));
    transaction.put(tables.bucketsById, bucketKey(id), name);
    transaction.put(tables.bucketsByOwner, ownerRow(bucket), nothing);
    return bucket;
  }

  setVersioning(transaction: Transaction, id: number, versioning: VersioningState): void {
    this.replace(transaction, { ...this.expect(id), versioning });
  }

  setAcl(transaction: Transaction, id: number, acl: Acl): void {
    this.replace(transaction, { ...this.expect(id), acl });
  }

  setOwnership(transaction: Transaction, id: number, ownership: ObjectOwnership | undefined): void {
    const { ownership: _before, ...bucket } = this.expect(id);
    this.replace(transaction, { ...bucket, ...(ownership && { ownership }) });
  }

  setting(id: number, setting: BucketSetting): Buffer | undefined {
    return this.context.tables.bucketSettings.get(settingRow(id, setting));
  }

  putSetting(
    transaction: Transaction,
    id: number,
    setting: BucketSetting,
    document: Buffer | undefined,
  ): void {
    this.expect(id);
    const { bucketSettings } = this.context.tables;
    const row = settingRow(id, setting);
    if (document === undefined) transaction.remove(bucketSettings, row);
    else transaction.put(bucketSettings, row, document);
  }

  /** The caller sees to the uploads. */
  remove(transaction: Transaction, id: number): boolean {
    const { tables, versionRows } = this.context;
    const bucket = this.expect(id);
    if (versionRows.hasSome(bucketKey(id), bucketEnd(id))) return false;
    this.looked = undefined;
    transaction.remove(tables.buckets, Buffer.from(bucket.name));
    transaction.remove(tables.bucketsById, bucketKey(id));
    transaction.remove(tables.bucketsByOwner, ownerRow(bucket));
    const settings = { start: bucketKey(id), end: bucketEnd(id), limit: maxSettings };
    for (const row of tables.bucketSettings.keys(settings)) {
      transaction.remove(tables.bucketSettings, row);
    }
    return true;
  }

  private replace(transaction: Transaction, bucket: Bucket): void {
    const { buckets } = this.context.tables;
    this.looked = undefined;
    transaction.put(buckets, Buffer.from(bucket.name), encodeBucket(bucket));
  }
}

function bucketPage(items: Bucket[], isTruncated: boolean): ListPage<Bucket> {
  return { items, commonPrefixes: [], isTruncated, last: items.at(-1)?.name ?? '' };
}

function settingRow(id: number, setting: BucketSetting): Buffer {
  return withTail(bucketKey(id), Buffer.of(settingNumbers[setting]));
}

function ownerPrefix(ownerId: string): Buffer {
  const id = Buffer.from(ownerId).subarray(0, maxUserIdBytes + 1);
  return Buffer.concat([escapeKey(id), Buffer.alloc(2)]);
}

/** Among the buckets by owner. */
export function ownerRow(bucket: Pick<Bucket, 'ownerId' | 'name'>): Buffer {
  return Buffer.concat([ownerPrefix(bucket.ownerId), Buffer.from(bucket.name)]);
}
