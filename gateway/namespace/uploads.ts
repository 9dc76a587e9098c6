/**
 * Multipart uploads and their parts. An upload ends in O(1): its row goes, and a row among the
 * leftovers says which parts handed their extents on. leftovers.ts removes the part rows.
 */
import type { Transaction } from '../../blobseer-client/index.ts';
import type { Buckets } from './buckets.ts';
import { Span } from './bytes.ts';
import { type Context, invalidArgument } from './context.ts';
import { NamespaceError } from './errors.ts';
import {
  decodeUploadId,
  encodeUploadId,
  makeUploadId,
  uploadIdBytes,
  uploadRandomBytes,
} from './ids.ts';
import {
  isStorableKey,
  justAfter,
  keyBeforeTail,
  keyPrefix,
  successor,
  tailOf,
  withNumber,
  withTail,
} from './keys.ts';
import { leaveUpload } from './leftovers.ts';
import type { Part, Upload, UploadDraft, UploadListPage, UploadListQuery } from './namespace.ts';
import { escapedLayout, pageBounds } from './page.ts';
import { decodePart, decodeUpload, encodePart, encodeUpload, partSnapshots } from './records.ts';
import { rollUp } from './roll-up.ts';

/** S3's limit on part numbers. */
const maxPartNumber = 10_000;

export class Uploads {
  private readonly context: Context;
  private readonly buckets: Buckets;

  constructor(context: Context, buckets: Buckets) {
    this.context = context;
    this.buckets = buckets;
  }

  create(transaction: Transaction, bucketId: number, draft: UploadDraft): Upload {
    this.buckets.expect(bucketId);
    if (!isStorableKey(draft.key)) throw new NamespaceError('bad-key', 'this key cannot be stored');
    const random = this.context.clock.randomBytes(uploadRandomBytes);
    const id = makeUploadId(transaction.sequence, random);
    const value = encodeUpload(draft, 0);
    transaction.put(this.context.tables.uploads, uploadRow(bucketId, draft.key, id), value);
    return decodeUpload(value, { bucketId, key: draft.key, uploadId: encodeUploadId(id) });
  }

  get(bucketId: number, key: string, uploadId: string): Upload | undefined {
    const id = decodeUploadId(uploadId);
    if (id === undefined || !isStorableKey(key)) return undefined;
    const value = this.context.tables.uploads.get(uploadRow(bucketId, key, id));
    // The uploads of a deleted bucket are gone at once, their rows a little later.
    if (value === undefined || !this.buckets.exists(bucketId)) return undefined;
    return decodeUpload(value, { bucketId, key, uploadId });
  }

  putPart(transaction: Transaction, upload: Upload, part: Part): void {
    const { number } = part;
    if (!Number.isInteger(number) || number < 1 || number > maxPartNumber) {
      throw invalidArgument(`part number ${number} is not within 1 to ${maxPartNumber}`);
    }
    const bytes = part.extents.reduce((sum, { length }) => sum + length, 0);
    if (bytes !== part.size) {
      throw invalidArgument(`extents hold ${bytes} bytes, the part says ${part.size}`);
    }
    const { tables, usages } = this.context;
    const now = this.expect(upload);
    const id = idOf(upload);
    const place = { row: uploadRow(upload.bucketId, upload.key, id), id };
    const row = withNumber(id, number);
    const replaced = tables.parts.get(row);
    if (replaced !== undefined) this.context.bury(transaction, partSnapshots(replaced));
    usages.putPart(transaction, now.ownerId, place, part.size, replaced);
    transaction.put(tables.parts, row, encodePart(part));
    transaction.put(tables.uploads, place.row, encodeUpload(now, now.generation + 1));
  }

  parts(upload: Upload, after: number, limit: number): Part[] {
    if (limit <= 0 || after >= maxPartNumber) return [];
    if (this.get(upload.bucketId, upload.key, upload.uploadId) === undefined) return [];
    const id = idOf(upload);
    const end = successor(id);
    const rows = this.context.tables.parts.range({
      start: withNumber(id, Math.max(after + 1, 0)),
      ...(end && { end }),
      limit: Math.min(limit, maxPartNumber),
    });
    return rows.map(({ key, value }) => decodePart(value, key.readUInt16BE(uploadIdBytes)));
  }

  end(transaction: Transaction, upload: Upload, kept: ReadonlySet<number>): void {
    this.expect(upload);
    const id = idOf(upload);
    const row = uploadRow(upload.bucketId, upload.key, id);
    transaction.remove(this.context.tables.uploads, row);
    this.context.usages.endUpload(transaction, { row, id });
    leaveUpload(this.context, transaction, id, kept);
  }

  list(bucketId: number, query: UploadListQuery): UploadListPage {
    const { prefix, delimiter, keyMarker: after, limit } = query;
    const bounds = pageBounds(
      bucketId,
      { prefix, delimiter, after },
      escapedLayout,
      this.behindUpload(bucketId, query),
    );
    const items: Upload[] = [];
    const commonPrefixes: string[] = [];
    if (bounds === undefined || !this.buckets.exists(bucketId)) {
      return { items, commonPrefixes, isTruncated: false, last: '', lastUploadId: '' };
    }
    const key = new Span();
    const { isTruncated, last, isLastItem } = rollUp({
      ...bounds,
      table: this.context.tables.uploads,
      limit,
      key,
      moveKey: (rows, row) => keyBeforeTail(rows, row, uploadIdBytes, key),
      seek: (bound) => escapedLayout.seek(bucketId, bound),
      item(rows, row) {
        const uploadId = encodeUploadId(tailOf(rows.key(row), uploadIdBytes));
        items.push(decodeUpload(rows.value(row), { bucketId, key: key.toString(), uploadId }));
      },
      commonPrefix: (common) => void commonPrefixes.push(common.toString()),
    });
    const lastUploadId = isLastItem ? (items.at(-1)?.uploadId ?? '') : '';
    return { items, commonPrefixes, isTruncated, last, lastUploadId };
  }

  /** The upload id marker counts only beside a key marker (AWS, ListMultipartUploads). */
  private behindUpload(bucketId: number, query: UploadListQuery): Buffer | undefined {
    const { keyMarker, uploadIdMarker } = query;
    if (uploadIdMarker === '' || keyMarker === '') return undefined;
    const id = decodeUploadId(uploadIdMarker);
    if (id === undefined) throw invalidArgument('the marker is no upload id');
    return isStorableKey(keyMarker) ? justAfter(uploadRow(bucketId, keyMarker, id)) : undefined;
  }

  /** Inside a commit: the upload as it is now. */
  private expect(upload: Upload): Upload {
    const now = this.get(upload.bucketId, upload.key, upload.uploadId);
    if (now === undefined) {
      throw new NamespaceError('no-such-upload', `upload ${upload.uploadId} has ended`);
    }
    return now;
  }
}

function uploadRow(bucketId: number, key: string, id: Buffer): Buffer {
  return withTail(keyPrefix(bucketId, Buffer.from(key)), id);
}

/** Parts lie under the upload's id alone: it is unique in the directory. */
function idOf(upload: Upload): Buffer {
  const id = decodeUploadId(upload.uploadId);
  if (id === undefined) throw new NamespaceError('no-such-upload', 'not an upload id');
  return id;
}
