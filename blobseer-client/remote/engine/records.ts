/** The bytes of the remote engine's records: fixed layouts, big endian, as those of ../../embedded. */
import {
  addressBytes,
  damaged,
  graveKey,
  idKey,
  readAddress,
  type TreeCodec,
  writeAddress,
} from '../../embedded/records.ts';
import type { PageAddress } from '../../roles.ts';
import type { RepairPlan } from '../repair.ts';
import type { Segment } from '../wire/records.ts';

const recordVersion = 1;

/** The tree of a snapshot: its root node, and the addresses of its pages where they are few. */
export interface RemoteTree {
  /** Undefined for a snapshot without bytes. */
  readonly root: Segment | undefined;
  readonly leaves: readonly (PageAddress | null)[] | undefined;
}

const rootBytes = 4 + 4 + 6;
const noLeaves = 0xff;

export const remoteTreeCodec: TreeCodec<RemoteTree> = {
  headBytes: rootBytes,
  encode({ root, leaves }) {
    const head = Buffer.alloc(rootBytes);
    if (root !== undefined) {
      head.writeUInt32BE(root.blobId, 0);
      head.writeUInt32BE(root.version, 4);
      head.writeUIntBE(root.size, 8, 6);
    }
    const tail = Buffer.alloc(1 + (leaves?.length ?? 0) * addressBytes);
    tail.writeUInt8(leaves?.length ?? noLeaves, 0);
    leaves?.forEach((leaf, index) => {
      writeAddress(tail, 1 + index * addressBytes, leaf);
    });
    return { head, tail };
  },
  decode(head, tail, pageCount) {
    const blobId = head.readUInt32BE(0);
    const count = tail.length > 0 ? tail.readUInt8(0) : -1;
    const hasLeaves = count !== noLeaves;
    if (tail.length !== 1 + (hasLeaves ? count : 0) * addressBytes)
      throw damaged('snapshot record');
    if (hasLeaves && count !== pageCount) throw damaged('snapshot record');
    const root = {
      blobId,
      version: head.readUInt32BE(4),
      offset: 0,
      size: head.readUIntBE(8, 6),
    };
    return {
      root: blobId === 0 ? undefined : root,
      leaves: hasLeaves
        ? Array.from({ length: count }, (_, index) => readAddress(tail, 1 + index * addressBytes))
        : undefined,
    };
  },
};

/** Where the pages of one write are. Pages of a stretch follow each other on the same providers. */
export interface WriteRecord {
  readonly pageSize: number;
  readonly pageCount: number;
  /** The last page may be short. */
  readonly lastPageBytes: number;
  readonly stretchPages: number;
  /** Numbers of providers, for each stretch. */
  readonly stretches: readonly (readonly number[])[];
  /** CRC32C of each page. */
  readonly crcs: readonly number[];
}

const writeHeadBytes = 1 + 1 + 1 + 4 + 4 + 4;

export function encodeWrite(record: WriteRecord): Buffer {
  const { pageSize, pageCount, lastPageBytes, stretchPages, stretches, crcs } = record;
  const replicas = stretches[0]?.length ?? 0;
  const bytes = Buffer.allocUnsafe(
    writeHeadBytes + stretches.length * replicas * 2 + crcs.length * 4,
  );
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt8(Math.log2(pageSize), 1);
  bytes.writeUInt8(replicas, 2);
  bytes.writeUInt32BE(pageCount, 3);
  bytes.writeUInt32BE(lastPageBytes, 7);
  bytes.writeUInt32BE(stretchPages, 11);
  let at = writeHeadBytes;
  for (const provider of stretches.flat()) at = bytes.writeUInt16BE(provider, at);
  for (const crc of crcs) at = bytes.writeUInt32BE(crc, at);
  return bytes;
}

export function decodeWrite(bytes: Buffer): WriteRecord {
  if (bytes.length < writeHeadBytes || bytes.readUInt8(0) !== recordVersion) {
    throw damaged('record of a write');
  }
  const replicas = bytes.readUInt8(2);
  const pageCount = bytes.readUInt32BE(3);
  const stretchPages = bytes.readUInt32BE(11);
  const stretchCount = Math.ceil(pageCount / stretchPages);
  const crcsAt = writeHeadBytes + stretchCount * replicas * 2;
  if (bytes.length !== crcsAt + pageCount * 4) throw damaged('record of a write');
  return {
    pageSize: 2 ** bytes.readUInt8(1),
    pageCount,
    lastPageBytes: bytes.readUInt32BE(7),
    stretchPages,
    stretches: Array.from({ length: stretchCount }, (_, stretch) =>
      Array.from({ length: replicas }, (_, replica) =>
        bytes.readUInt16BE(writeHeadBytes + (stretch * replicas + replica) * 2),
      ),
    ),
    crcs: Array.from({ length: pageCount }, (_, index) => bytes.readUInt32BE(crcsAt + index * 4)),
  };
}

/** What tree nodes of a write are named after, and how much of the write is left. */
export interface TicketRecord {
  readonly blobId: number;
  readonly version: number;
  /** Pages and inner nodes that some snapshot still needs. */
  readonly live: number;
}

export function encodeTicket({ blobId, version, live }: TicketRecord): Buffer {
  const bytes = Buffer.allocUnsafe(13);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt32BE(blobId, 1);
  bytes.writeUInt32BE(version, 5);
  bytes.writeUInt32BE(live, 9);
  return bytes;
}

export function decodeTicket(bytes: Buffer): TicketRecord {
  if (bytes.length !== 13 || bytes.readUInt8(0) !== recordVersion) throw damaged('ticket record');
  return {
    blobId: bytes.readUInt32BE(1),
    version: bytes.readUInt32BE(5),
    live: bytes.readUInt32BE(9),
  };
}

/** A version that a write has a ticket for: nodes named after it may be at the metadata providers. */
export interface TakenVersion {
  readonly epoch: number;
  readonly blobId: number;
  readonly version: number;
}

/** A write on its way. */
export interface IntentRecord {
  /** The blob of ours that it is for. */
  readonly blobId: number;
  /** Providers that may have got pages of it. */
  readonly providers: readonly number[];
  readonly taken: TakenVersion | undefined;
}

export function intentKey(instanceId: number, writeId: number): Buffer {
  return Buffer.concat([idKey(instanceId), idKey(writeId)]);
}

const takenBytes = 12;
const intentHeadBytes = 7 + takenBytes;

/** As a key too: ticket by ticket of a blob. */
export function encodeTaken({ epoch, blobId, version }: TakenVersion): Buffer {
  const bytes = Buffer.allocUnsafe(takenBytes);
  bytes.writeUInt32BE(epoch, 0);
  bytes.writeUInt32BE(blobId, 4);
  bytes.writeUInt32BE(version, 8);
  return bytes;
}

export function decodeTaken(bytes: Buffer): TakenVersion {
  if (bytes.length !== takenBytes) throw damaged('taken version');
  return {
    epoch: bytes.readUInt32BE(0),
    blobId: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
  };
}

const notTaken: TakenVersion = { epoch: 0, blobId: 0, version: 0 };

export function encodeIntent({ blobId, providers, taken }: IntentRecord): Buffer {
  const bytes = Buffer.allocUnsafe(intentHeadBytes + providers.length * 2);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUIntBE(blobId, 1, 6);
  encodeTaken(taken ?? notTaken).copy(bytes, 7);
  providers.forEach((provider, index) => {
    bytes.writeUInt16BE(provider, intentHeadBytes + index * 2);
  });
  return bytes;
}

export function decodeIntent(bytes: Buffer): IntentRecord {
  const isWhole = bytes.length >= intentHeadBytes && (bytes.length - intentHeadBytes) % 2 === 0;
  if (!isWhole || bytes.readUInt8(0) !== recordVersion) throw damaged('intent');
  const taken = decodeTaken(bytes.subarray(7, intentHeadBytes));
  return {
    blobId: bytes.readUIntBE(1, 6),
    providers: numbersIn(bytes, intentHeadBytes),
    taken: taken.version === 0 ? undefined : taken,
  };
}

function numbersIn(bytes: Buffer, from: number): number[] {
  const numbers: number[] = [];
  for (let at = from; at + 2 <= bytes.length; at += 2) numbers.push(bytes.readUInt16BE(at));
  return numbers;
}

/** The blob at the version manager where a blob of ours goes on. */
export interface HomeRecord {
  /** Of the version manager: blobs of a former one never get a ticket again. */
  readonly epoch: number;
  readonly blobId: number;
  /** The highest version that we committed. */
  readonly lastVersion: number;
  readonly pageSize: number;
}

const homeBytes = 14;

export function encodeHome({ epoch, blobId, lastVersion, pageSize }: HomeRecord): Buffer {
  const bytes = Buffer.allocUnsafe(homeBytes);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt32BE(epoch, 1);
  bytes.writeUInt32BE(blobId, 5);
  bytes.writeUInt32BE(lastVersion, 9);
  bytes.writeUInt8(Math.log2(pageSize), 13);
  return bytes;
}

export function decodeHome(bytes: Buffer): HomeRecord {
  if (bytes.length !== homeBytes || bytes.readUInt8(0) !== recordVersion) {
    throw damaged('home of a blob');
  }
  return {
    epoch: bytes.readUInt32BE(1),
    blobId: bytes.readUInt32BE(5),
    lastVersion: bytes.readUInt32BE(9),
    pageSize: 2 ** bytes.readUInt8(13),
  };
}

/** A blob at the version manager with a version that may never be published. */
export interface RepairRecord {
  /** Of the version manager that handed it out. */
  readonly epoch: number;
  /** The highest version that we knew to be published then. */
  readonly lastVersion: number;
  /** Null as long as none was made. */
  readonly plan: RepairPlan | null;
}

const repairHeadBytes = 9;

export function encodeRepair({ epoch, lastVersion, plan }: RepairRecord): Buffer {
  const head = Buffer.allocUnsafe(repairHeadBytes);
  head.writeUInt8(recordVersion, 0);
  head.writeUInt32BE(epoch, 1);
  head.writeUInt32BE(lastVersion, 5);
  return Buffer.concat([head, Buffer.from(JSON.stringify(plan))]);
}

export function decodeRepair(bytes: Buffer): RepairRecord {
  if (bytes.length < repairHeadBytes || bytes.readUInt8(0) !== recordVersion) {
    throw damaged('repair');
  }
  return {
    epoch: bytes.readUInt32BE(1),
    lastVersion: bytes.readUInt32BE(5),
    plan: parsePlan(bytes.subarray(repairHeadBytes).toString()),
  };
}

function parsePlan(json: string): RepairPlan | null {
  try {
    return JSON.parse(json);
  } catch {
    throw damaged('repair');
  }
}

/** Pages (level 0), or inner nodes of trees, of one write that no snapshot needs any more. */
export interface ReleaseRecord {
  readonly level: number;
  readonly writeId: number;
  readonly firstIndex: number;
  /** Where they stand in their tree's level. */
  readonly firstSlot: number;
  readonly count: number;
  /** Nothing is left of the write after these. */
  readonly isLast: boolean;
}

/** Releases lie in the order of the commits that freed what they name. */
export const releaseKey = graveKey;
const releaseBytes = 21;

export function encodeRelease(record: ReleaseRecord): Buffer {
  const bytes = Buffer.allocUnsafe(releaseBytes);
  bytes.writeUInt8(recordVersion, 0);
  bytes.writeUInt8(record.isLast ? 1 : 0, 1);
  bytes.writeUInt8(record.level, 2);
  bytes.writeUIntBE(record.writeId, 3, 6);
  bytes.writeUInt32BE(record.firstIndex, 9);
  bytes.writeUInt32BE(record.firstSlot, 13);
  bytes.writeUInt32BE(record.count, 17);
  return bytes;
}

export function decodeRelease(bytes: Buffer): ReleaseRecord {
  if (bytes.length !== releaseBytes || bytes.readUInt8(0) !== recordVersion) {
    throw damaged('release');
  }
  return {
    isLast: bytes.readUInt8(1) === 1,
    level: bytes.readUInt8(2),
    writeId: bytes.readUIntBE(3, 6),
    firstIndex: bytes.readUInt32BE(9),
    firstSlot: bytes.readUInt32BE(13),
    count: bytes.readUInt32BE(17),
  };
}

/** A program on another machine: a data provider by its number, a metadata provider by its place in the list. */
export interface HostName {
  readonly kind: 'provider' | 'gateway';
  readonly number: number;
}

/** What a host has to be told yet: keys to release, or pairs of keys and values to keep. */
export interface DeferredRecord {
  readonly call: (typeof deferredCalls)[number];
  readonly items: readonly Uint8Array[];
}

const hostKinds = ['provider', 'gateway'] as const;
const deferredCalls = [
  'release-pages',
  'release-writes',
  'release-nodes',
  /** By what the keys of a version's nodes, and of a write's lists, begin with. */
  'release-versions',
  'put',
] as const;
export const hostKeyBytes = 3;

export function hostKey({ kind, number }: HostName): Buffer {
  const key = Buffer.allocUnsafe(hostKeyBytes);
  key.writeUInt8(hostKinds.indexOf(kind), 0);
  key.writeUInt16BE(number, 1);
  return key;
}

export function decodeHostKey(key: Buffer): HostName {
  const kind = hostKinds[key.readUInt8(0)];
  if (kind === undefined) throw damaged('key of a deferred call');
  return { kind, number: key.readUInt16BE(1) };
}

export function deferredKey(host: HostName, sequence: number, ordinal: number): Buffer {
  return Buffer.concat([hostKey(host), graveKey(sequence, ordinal)]);
}

export function encodeDeferred({ call, items }: DeferredRecord): Buffer {
  const parts: Uint8Array[] = [Buffer.of(recordVersion, deferredCalls.indexOf(call))];
  for (const item of items) {
    const length = Buffer.allocUnsafe(4);
    length.writeUInt32BE(item.length);
    parts.push(length, item);
  }
  return Buffer.concat(parts);
}

export function decodeDeferred(bytes: Buffer): DeferredRecord {
  const call = deferredCalls[bytes.length < 2 ? -1 : bytes.readUInt8(1)];
  if (call === undefined || bytes.readUInt8(0) !== recordVersion) throw damaged('deferred call');
  const items: Buffer[] = [];
  for (let at = 2; at < bytes.length; ) {
    const end = at + 4 + (at + 4 <= bytes.length ? bytes.readUInt32BE(at) : Infinity);
    if (end > bytes.length) throw damaged('deferred call');
    items.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return { call, items };
}
