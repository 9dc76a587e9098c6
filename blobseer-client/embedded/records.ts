/**
 * The bytes of the embedded engine's own records: fixed layouts, big endian, so that keys sort as
 * numbers do. Ids, versions and sizes take 48 bits; page indexes 32.
 */

import type { Interval } from '../algorithms/intervals.ts';
import type { Run } from '../algorithms/liveness.ts';
import type { SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { PageAddress, SnapshotHead } from '../roles.ts';

/** A version of a blob, as the version manager remembers it. */
export interface SnapshotRecord<Tree> extends SnapshotHead<Tree> {
  /** Pages of the parent that it can see: its own page count, or less after a smaller one between
   * them was dissolved. */
  readonly visiblePages: number;
  /** The pages and blocks that it wrote itself (or took over from released ancestors). */
  readonly runs: readonly Run[];
}

/** What is known of a blob apart from its snapshots. */
export interface BlobRecord {
  readonly pageSize: number;
  /** The last ticket taken. */
  readonly lastVersion: number;
  /** Snapshot records that still exist. */
  readonly snapshots: number;
}

/** A page file. Pages lie in the order of `layout`, `pageSize` apart; the last may be short. */
export interface FileRecord {
  /** The process that wrote this generation of the file. */
  readonly instance: number;
  /** Counts the rewritings. */
  readonly generation: number;
  readonly pageSize: number;
  /** Page indexes that the file holds. */
  readonly layout: readonly Interval[];
  /** Page indexes that some snapshot still needs. */
  readonly live: readonly Interval[];
}

const recordVersion = 1;
export const addressBytes = 18;
const unitBytes = 10;
/** Version, references, size, page size, parent; then the tree. */
const treeAt = 24;
/** Pages that it sees of its parent, and the number of its runs. */
const countsBytes = 8;
const runBytes = 19;
/** Of an address's length: no page is that long. */
const inFileBit = 0x8000_0000;
const hasRestBit = 0x4000_0000;

export function snapshotKey(ref: SnapshotRef): Buffer {
  const key = Buffer.allocUnsafe(12);
  key.writeUIntBE(ref.blobId, 0, 6);
  key.writeUIntBE(ref.version, 6, 6);
  return key;
}

export function decodeSnapshotKey(key: Buffer, offset = 0): SnapshotRef {
  return { blobId: key.readUIntBE(offset, 6), version: key.readUIntBE(offset + 6, 6) };
}

/** The key of page or block `index` of a write. */
export function unitKey(writeId: number, index: number): Buffer {
  const key = Buffer.allocUnsafe(unitBytes);
  key.writeUIntBE(writeId, 0, 6);
  key.writeUInt32BE(index, 6);
  return key;
}

export function decodeUnitKey(key: Buffer): { writeId: number; index: number } {
  return { writeId: key.readUIntBE(0, 6), index: key.readUInt32BE(6) };
}

export function idKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(6);
  key.writeUIntBE(id, 0, 6);
  return key;
}

/** Graves lie in the order of the commits that dug them; `ordinal` counts within one commit. */
export function graveKey(death: number, ordinal: number): Buffer {
  const key = Buffer.allocUnsafe(10);
  key.writeUIntBE(death, 0, 6);
  key.writeUInt32BE(ordinal, 6);
  return key;
}

export function deathOf(key: Buffer): number {
  return key.readUIntBE(0, 6);
}

/** References to give back, and what their owner wants remembered of the dead. */
export interface GraveRecord {
  readonly refs: readonly SnapshotRef[];
  readonly record: Buffer;
}

export function encodeGrave(refs: readonly SnapshotRef[], record: Uint8Array): Buffer {
  const head = Buffer.allocUnsafe(5);
  head.writeUInt8(recordVersion, 0);
  head.writeUInt32BE(refs.length, 1);
  return Buffer.concat([head, ...refs.map(snapshotKey), record]);
}

export function decodeGrave(bytes: Buffer): GraveRecord {
  if (bytes.length < 5 || bytes.readUInt8(0) !== recordVersion) throw damaged('grave');
  const count = bytes.readUInt32BE(1);
  const end = 5 + count * 12;
  if (bytes.length < end) throw damaged('grave');
  const refs: SnapshotRef[] = [];
  for (let at = 5; at < end; at += 12) refs.push(decodeSnapshotKey(bytes, at));
  return { refs, record: bytes.subarray(end) };
}

export function writeAddress(target: Buffer, at: number, page: PageAddress | null): void {
  if (page === null) {
    target.fill(0, at, at + addressBytes);
    return;
  }
  target.writeUIntBE(page.writeId, at, 6);
  target.writeUInt32BE(page.index, at + 6);
  target.writeUInt32BE(page.crc, at + 10);
  const flags = (page.inFile ? inFileBit : 0) + (page.rest === undefined ? 0 : hasRestBit);
  target.writeUInt32BE(page.length + flags, at + 14);
}

/** `readRest` is asked for the rest of a page that has one beside its address. */
export function readAddress(
  source: Buffer,
  at: number,
  readRest?: () => Uint8Array,
): PageAddress | null {
  const writeId = source.readUIntBE(at, 6);
  if (writeId === 0) return null;
  const flagged = source.readUInt32BE(at + 14);
  const index = source.readUInt32BE(at + 6);
  const crc = source.readUInt32BE(at + 10);
  const length = flagged % hasRestBit;
  const inFile = flagged >= inFileBit;
  const hasRest = flagged % inFileBit >= hasRestBit;
  if (!hasRest) return { writeId, index, crc, length, inFile };
  if (readRest === undefined) throw damaged('page address');
  return { writeId, index, crc, length, inFile, rest: readRest() };
}

/** How an engine writes down the tree of a snapshot. */
export interface TreeCodec<Tree> {
  /** Bytes of the head, for every tree. */
  readonly headBytes: number;
  /** The tail follows the runs; it is empty where the head says all. */
  encode(tree: Tree): { readonly head: Buffer; readonly tail: Buffer };
  /** Throws `corrupt`. */
  decode(head: Buffer, tail: Buffer, pageCount: number): Tree;
}

export function encodeSnapshot<Tree>(codec: TreeCodec<Tree>, record: SnapshotRecord<Tree>): Buffer {
  const { parent, runs } = record;
  const { head, tail } = codec.encode(record.tree);
  const countsAt = treeAt + codec.headBytes;
  const runsAt = countsAt + countsBytes;
  const tailAt = runsAt + runs.length * runBytes;
  const bytes = Buffer.allocUnsafe(tailAt + tail.length);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt32BE(record.references, 1);
  bytes.writeUIntBE(record.size, 5, 6);
  bytes.writeUInt8(Math.log2(record.pageSize), 11);
  bytes.writeUIntBE(parent?.blobId ?? 0, 12, 6);
  bytes.writeUIntBE(parent?.version ?? 0, 18, 6);
  head.copy(bytes, treeAt);
  bytes.writeUInt32BE(record.visiblePages, countsAt);
  bytes.writeUInt32BE(runs.length, countsAt + 4);
  runs.forEach((run, index) => {
    writeRun(bytes, runsAt + index * runBytes, run);
  });
  tail.copy(bytes, tailAt);
  return bytes;
}

function writeRun(target: Buffer, at: number, run: Run): void {
  target.writeUInt8(run.level | (run.inFile ? 0x80 : 0), at);
  target.writeUInt32BE(run.start, at + 1);
  target.writeUInt32BE(run.count, at + 5);
  target.writeUIntBE(run.writeId, at + 9, 6);
  target.writeUInt32BE(run.firstIndex, at + 15);
}

/** Without its runs: all that a reader needs. */
export function decodeSnapshotHead<Tree>(
  codec: TreeCodec<Tree>,
  bytes: Buffer,
): Omit<SnapshotRecord<Tree>, 'runs'> {
  const countsAt = treeAt + codec.headBytes;
  if (bytes.length < countsAt + countsBytes || bytes.readUInt8(0) !== recordVersion) {
    throw damaged('snapshot record');
  }
  const tailAt = countsAt + countsBytes + bytes.readUInt32BE(countsAt + 4) * runBytes;
  if (bytes.length < tailAt) throw damaged('snapshot record');
  const size = bytes.readUIntBE(5, 6);
  const pageSize = 2 ** bytes.readUInt8(11);
  const parent = decodeSnapshotKey(bytes, 12);
  return {
    references: bytes.readUInt32BE(1),
    size,
    pageSize,
    parent: parent.blobId === 0 ? undefined : parent,
    visiblePages: bytes.readUInt32BE(countsAt),
    tree: codec.decode(
      bytes.subarray(treeAt, countsAt),
      bytes.subarray(tailAt),
      Math.ceil(size / pageSize),
    ),
  };
}

export function decodeSnapshot<Tree>(codec: TreeCodec<Tree>, bytes: Buffer): SnapshotRecord<Tree> {
  const head = decodeSnapshotHead(codec, bytes);
  const runsAt = treeAt + codec.headBytes + countsBytes;
  const count = bytes.readUInt32BE(runsAt - 4);
  const runs: Run[] = [];
  for (let index = 0; index < count; index++) {
    const at = runsAt + index * runBytes;
    const kind = bytes.readUInt8(at);
    runs.push({
      level: kind & 0x7f,
      inFile: kind >= 0x80,
      start: bytes.readUInt32BE(at + 1),
      count: bytes.readUInt32BE(at + 5),
      writeId: bytes.readUIntBE(at + 9, 6),
      firstIndex: bytes.readUInt32BE(at + 15),
    });
  }
  return { ...head, runs };
}

export function encodeBlob(record: BlobRecord): Buffer {
  const bytes = Buffer.allocUnsafe(14);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt8(Math.log2(record.pageSize), 1);
  bytes.writeUIntBE(record.lastVersion, 2, 6);
  bytes.writeUIntBE(record.snapshots, 8, 6);
  return bytes;
}

export function decodeBlob(bytes: Buffer): BlobRecord {
  if (bytes.length !== 14 || bytes.readUInt8(0) !== recordVersion) throw damaged('blob record');
  return {
    pageSize: 2 ** bytes.readUInt8(1),
    lastVersion: bytes.readUIntBE(2, 6),
    snapshots: bytes.readUIntBE(8, 6),
  };
}

export function encodeFile(record: FileRecord): Buffer {
  const bytes = Buffer.allocUnsafe(12 + 4 + (record.layout.length + record.live.length) * 8);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUIntBE(record.instance, 1, 6);
  bytes.writeUInt32BE(record.generation, 7);
  bytes.writeUInt8(Math.log2(record.pageSize), 11);
  bytes.writeUInt32BE(record.layout.length, 12);
  let at = 16;
  for (const { start, end } of [...record.layout, ...record.live]) {
    bytes.writeUInt32BE(start, at);
    bytes.writeUInt32BE(end, at + 4);
    at += 8;
  }
  return bytes;
}

export function decodeFile(bytes: Buffer): FileRecord {
  if (bytes.length < 16 || bytes.readUInt8(0) !== recordVersion || bytes.length % 8 !== 0) {
    throw damaged('page file record');
  }
  const intervals: Interval[] = [];
  for (let at = 16; at < bytes.length; at += 8) {
    intervals.push({ start: bytes.readUInt32BE(at), end: bytes.readUInt32BE(at + 4) });
  }
  const layoutCount = bytes.readUInt32BE(12);
  return {
    instance: bytes.readUIntBE(1, 6),
    generation: bytes.readUInt32BE(7),
    pageSize: 2 ** bytes.readUInt8(11),
    layout: intervals.slice(0, layoutCount),
    live: intervals.slice(layoutCount),
  };
}

/** Where page `index` begins in the file; undefined when the file does not hold it. */
export function fileOffset(record: FileRecord, index: number): number | undefined {
  let before = 0;
  for (const { start, end } of record.layout) {
    if (index < start) return undefined;
    if (index < end) return (before + index - start) * record.pageSize;
    before += end - start;
  }
  return undefined;
}

/** How a page is called in errors and reports. */
export function pageName(page: Pick<PageAddress, 'writeId' | 'index'>): string {
  return `page ${page.index} of write ${page.writeId}`;
}

export function damaged(what: string): BlobSeerError {
  return new BlobSeerError('corrupt', `a ${what} is damaged`);
}
