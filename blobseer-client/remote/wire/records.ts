/**
 * The values that BlobSeer's calls carry and its metadata providers keep, and their archives.
 * Field names follow the original's (query_t, root_t, dhtnode_t, provider_desc, vmgr_reply).
 */
import { BlobSeerError } from '../../errors.ts';
import { ArchiveReader, ArchiveWriter } from './archive.ts';

/**
 * query_t: a range of a version of a blob. It names a tree node, an interval that a ticket stands for,
 * and in an inner node a child. Offsets and sizes in bytes.
 */
export interface Segment {
  readonly blobId: number;
  readonly version: number;
  readonly offset: number;
  readonly size: number;
}

/** A child that is no node: nobody wrote there. Holes of other writers may carry a range: test the id. */
export const hole: Segment = { blobId: 0, version: 0, offset: 0, size: 0 };
export const isHole = (segment: Segment): boolean => segment.blobId === 0;

/** root_t: what the version manager knows of a version. */
export interface Root {
  /** Its tree's root node; size 0 for a blob that was never written, which has no tree. */
  readonly node: Segment;
  readonly pageSize: number;
  /** Bytes of the blob in this version, as far as the version manager knows. */
  readonly currentSize: number;
  /** Replicas of each page, with the engine "replication". */
  readonly ftInfo: number;
}

/** dhtnode_t. The server counts reads in it, so that a node read twice differs in its bytes. */
export type TreeNode =
  | { readonly kind: 'leaf'; readonly pageKey: Buffer; readonly accessCount: number }
  | {
      readonly kind: 'inner';
      readonly left: Segment;
      readonly right: Segment;
      readonly accessCount: number;
    };

/** provider_desc: `service` is the port in decimal. */
export interface Provider {
  readonly host: string;
  readonly service: string;
}

/** A ticket that is not visible yet: its interval, and the root it will have. */
export interface PendingVersion {
  readonly interval: Segment;
  readonly root: Root;
  /** Published, and waiting for lower versions. */
  readonly isCompleted: boolean;
}

/** vmgr_reply. */
export interface Ticket {
  /** All pending versions of the blob, by rising version; the last one is the caller's own. */
  readonly pending: readonly PendingVersion[];
  /** The newest visible version. */
  readonly stableRoot: Root;
  /** Bytes that the new version's tree spans. */
  readonly rootSize: number;
}

export const pageKeyBytes = 16;
export const nodeKeyBytes = 69;
export const nodeBytes = 103;
const rootPayloadBytes = 54;
export const maxHostBytes = 255;
export const maxServiceBytes = 32;
/** Two lengths of 8 bytes. */
const minProviderBytes = 16;
export const maxProviderBytes = minProviderBytes + maxHostBytes + maxServiceBytes;
/** Interval, root and flag of a pending version after the first. */
export const pendingVersionBytes = 69;

/** Also the metadata key of the node that the segment names. */
export function encodeSegment(segment: Segment, version: number): Buffer {
  return writeSegment(new ArchiveWriter(version, nodeKeyBytes), segment).end();
}

export function decodeSegment(bytes: Uint8Array): Segment {
  return whole(bytes, readSegment);
}

export function encodeRoot(root: Root, version: number): Buffer {
  return writeRoot(new ArchiveWriter(version, rootPayloadBytes), root).end();
}

export function decodeRoot(bytes: Uint8Array): Root {
  return whole(bytes, readRoot);
}

export function encodeTreeNode(node: TreeNode, version: number): Buffer {
  const writer = new ArchiveWriter(version, nodeBytes).object('dhtnode_t');
  if (node.kind === 'inner') {
    writeSegment(writer, node.left);
    writeSegment(writer, node.right);
  } else {
    if (node.pageKey.length !== pageKeyBytes) {
      throw new BlobSeerError('invalid-argument', `a page key of ${node.pageKey.length} bytes`);
    }
    // The key's 16 bytes take the places of the left child's offset and size.
    writer.object('query_t').u32(0).u32(0).raw(node.pageKey);
    writeSegment(writer, hole);
  }
  return writer
    .bool(node.kind === 'leaf')
    .u32(node.accessCount)
    .end();
}

export function decodeTreeNode(bytes: Uint8Array): TreeNode {
  // The flag that tells what the children are comes after them.
  const isLeaf = bytes.length === nodeBytes && bytes[nodeBytes - 5] === 1;
  return whole(bytes, (reader) => {
    reader.object('dhtnode_t');
    if (!isLeaf) {
      const left = readSegment(reader);
      const right = readSegment(reader);
      if (reader.bool()) throw new BlobSeerError('corrupt', 'a leaf of a wrong size');
      return { kind: 'inner', left, right, accessCount: reader.u32() };
    }
    reader.object('query_t');
    const before = reader.raw(8);
    // A copy: nodes are kept longer than the messages they came in.
    const pageKey = Buffer.from(reader.raw(pageKeyBytes));
    const right = readSegment(reader);
    reader.bool();
    const accessCount = reader.u32();
    if (before.some((byte) => byte !== 0) || !isSame(right, hole)) {
      throw new BlobSeerError('corrupt', 'a leaf that holds more than a page key');
    }
    return { kind: 'leaf', pageKey, accessCount };
  });
}

export function encodeProviders(providers: readonly Provider[], version: number): Buffer {
  const writer = new ArchiveWriter(version, 32 + providers.length * 48)
    .object('vector<provider_desc>')
    .u64(providers.length)
    .u32(0);
  for (const { host, service } of providers) {
    writer.object('provider_desc').string(host).string(service);
  }
  return writer.end();
}

export function decodeProviders(bytes: Uint8Array): Provider[] {
  return whole(bytes, (reader) => {
    const count = reader.object('vector<provider_desc>').count(minProviderBytes);
    checkItemVersion(reader);
    const providers: Provider[] = [];
    for (let index = 0; index < count; index++) {
      reader.object('provider_desc');
      providers.push({
        host: reader.string(maxHostBytes),
        service: reader.string(maxServiceBytes),
      });
    }
    return providers;
  });
}

/**
 * The metadata value that says where a page is. The original's metadata provider takes any value of a
 * tree node's length for a tree node and alters it, so a list of just that length names its first
 * member twice: readers choose among the members anyway.
 */
export function encodePageProviders(providers: readonly Provider[], version: number): Buffer {
  const encoded = encodeProviders(providers, version);
  const [first] = providers;
  if (encoded.length !== nodeBytes || first === undefined) return encoded;
  return encodeProviders([...providers, first], version);
}

export function encodeTicket(ticket: Ticket, version: number): Buffer {
  const { pending, stableRoot, rootSize } = ticket;
  const writer = new ArchiveWriter(version, 96 + (pending.length + 1) * pendingVersionBytes)
    .object('vmgr_reply')
    .object('map<query_t, pair<root_t, bool>>')
    .u64(pending.length)
    .u32(0);
  for (const { interval, root, isCompleted } of pending) {
    writeSegment(writer.object('pair<query_t, pair<root_t, bool>>'), interval);
    writeRoot(writer.object('pair<root_t, bool>'), root).bool(isCompleted);
  }
  return writeRoot(writer, stableRoot).u64(rootSize).end();
}

export function decodeTicket(bytes: Uint8Array): Ticket {
  return whole(bytes, (reader) => {
    reader.object('vmgr_reply').object('map<query_t, pair<root_t, bool>>');
    const count = reader.count(pendingVersionBytes);
    checkItemVersion(reader);
    const pending: PendingVersion[] = [];
    for (let index = 0; index < count; index++) {
      const interval = readSegment(reader.object('pair<query_t, pair<root_t, bool>>'));
      const root = readRoot(reader.object('pair<root_t, bool>'));
      pending.push({ interval, root, isCompleted: reader.bool() });
    }
    return { pending, stableRoot: readRoot(reader), rootSize: reader.u64() };
  });
}

function writeSegment(writer: ArchiveWriter, segment: Segment): ArchiveWriter {
  const { blobId, version, offset, size } = segment;
  return writer.object('query_t').u32(blobId).u32(version).u64(offset).u64(size);
}

function readSegment(reader: ArchiveReader): Segment {
  reader.object('query_t');
  return {
    blobId: reader.u32(),
    version: reader.u32(),
    offset: reader.u64(),
    size: reader.u64(),
  };
}

function writeRoot(writer: ArchiveWriter, root: Root): ArchiveWriter {
  return writeSegment(writer.object('root_t'), root.node)
    .u64(root.pageSize)
    .u64(root.currentSize)
    .u32(root.ftInfo);
}

function readRoot(reader: ArchiveReader): Root {
  return {
    node: readSegment(reader.object('root_t')),
    pageSize: reader.u64(),
    currentSize: reader.u64(),
    ftInfo: reader.u32(),
  };
}

function checkItemVersion(reader: ArchiveReader): void {
  const itemVersion = reader.u32();
  if (itemVersion !== 0) throw new BlobSeerError('corrupt', `items of version ${itemVersion}`);
}

/** Reads a value that must be all there is in the archive. */
export function whole<Value>(bytes: Uint8Array, read: (reader: ArchiveReader) => Value): Value {
  const reader = new ArchiveReader(bytes);
  const value = read(reader);
  reader.end();
  return value;
}

export function isSame(left: Segment, right: Segment): boolean {
  return (
    left.blobId === right.blobId &&
    left.version === right.version &&
    left.offset === right.offset &&
    left.size === right.size
  );
}
