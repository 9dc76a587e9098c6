/**
 * Every call of BlobSeer's four roles: its number, its request and its answer, by name.
 *
 * A row is a codec for both ends, and `check`, which refuses what must never be sent: there are
 * well-formed requests that end or hang a server of the original for good, for all its clients.
 */
import { BlobSeerError } from '../../errors.ts';
import { type ArchiveReader, ArchiveWriter } from './archive.ts';
import type { FrameLimits } from './frame.ts';
import {
  decodeProviders,
  decodeRoot,
  decodeSegment,
  decodeTicket,
  decodeTreeNode,
  encodeProviders,
  encodeRoot,
  encodeSegment,
  encodeTicket,
  maxProviderBytes,
  maxServiceBytes,
  nodeBytes,
  nodeKeyBytes,
  type Provider,
  pageKeyBytes,
  pendingVersionBytes,
  type Root,
  type Segment,
  type Ticket,
  whole,
} from './records.ts';

/** The statuses that the original's servers answer. */
export const status = { ok: 0, unknown: 6, badArguments: 7, noResources: 28 } as const;

export interface Call<Request, Answer> {
  /** As in the original's sources. */
  readonly name: string;
  readonly number: number;
  /**
   * Its answers carry no result. Only such calls may go over kept connections: the original's Nagle
   * holds back results there for some 40 ms.
   */
  readonly isResultless: boolean;
  /** Doing it twice is as doing it once. */
  readonly isRepeatable: boolean;
  /** Answers with `status.unknown` carry results too: some keys are missing, not all. */
  readonly findsSome: boolean;
  /** Throws `invalid-argument` for what must never be sent. */
  check(request: Request): void;
  encodeRequest(request: Request, archiveVersion: number): Uint8Array[];
  /** Throws `corrupt`. Says nothing of the sense of what it reads. */
  decodeRequest(parameters: readonly Buffer[]): Request;
  encodeAnswer(answer: Answer, archiveVersion: number): Uint8Array[];
  /** Throws `corrupt`. */
  decodeAnswer(results: readonly Buffer[], request: Request): Answer;
  answerLimits(request: Request): FrameLimits;
}

/** Pages of the original are shorter than 4 GiB; nobody has use for more than this. */
export const maxValueBytes = 256 * 2 ** 20;
/** More providers at once than any write has use for; the original would try to hand out 2^32 - 1. */
export const maxProvidersAtOnce = 4096;
/** Above 2^31 - 1 the original's provider manager loops for ever. */
export const maxGroupSize = 255;
/** A hundred thousand pending versions, each listed in every ticket. */
const maxTicketBytes = 1024 + 100_000 * pendingVersionBytes;
const maxSmallResultBytes = 1024;

const refuse = (message: string): never => {
  throw new BlobSeerError('invalid-argument', message);
};
const noCheck = (): void => undefined;

function exactly(items: readonly Buffer[], count: number): void {
  if (items.length !== count) {
    throw new BlobSeerError('corrupt', `${items.length} values where there should be ${count}`);
  }
}

function only(items: readonly Buffer[]): Buffer {
  exactly(items, 1);
  return items[0]!;
}

const u32 = (value: number, version: number): Buffer =>
  new ArchiveWriter(version, 4).u32(value).end();
const u64 = (value: number, version: number): Buffer =>
  new ArchiveWriter(version, 8).u64(value).end();
const readU32 = (bytes: Buffer): number => whole(bytes, (reader: ArchiveReader) => reader.u32());
const readU64 = (bytes: Buffer): number => whole(bytes, (reader: ArchiveReader) => reader.u64());

const smallResult: FrameLimits = {
  maxItems: 1,
  maxItemBytes: maxSmallResultBytes,
  maxBytes: maxSmallResultBytes,
};
const noResult: FrameLimits = { maxItems: 0, maxItemBytes: 0, maxBytes: 0 };

/** Calls that answer a root: GETROOT, CREATE and CLONE. */
const answersRoot = {
  isResultless: false,
  findsSome: false,
  encodeAnswer: (root: Root, version: number) => [encodeRoot(root, version)],
  decodeAnswer: (results: readonly Buffer[]) => decodeRoot(only(results)),
  answerLimits: () => smallResult,
};

const answersNothing = {
  isResultless: true,
  findsSome: false,
  encodeAnswer: () => [],
  decodeAnswer: (results: readonly Buffer[]) => exactly(results, 0),
  answerLimits: () => noResult,
};

/** A published version; version 0, and any that is not published yet, stands for the newest one. */
export interface VersionName {
  readonly blobId: number;
  readonly version: number;
}

const namesVersion = {
  encodeRequest: ({ blobId, version }: VersionName, archiveVersion: number) => [
    u32(blobId, archiveVersion),
    u32(version, archiveVersion),
  ],
  decodeRequest: (parameters: readonly Buffer[]): VersionName => {
    exactly(parameters, 2);
    return { blobId: readU32(parameters[0]!), version: readU32(parameters[1]!) };
  },
};

/** The root of a version; all zero for an unknown blob. */
const getRoot: Call<VersionName, Root> = {
  name: 'VMGR_GETROOT',
  number: 1,
  isRepeatable: true,
  check: noCheck,
  ...namesVersion,
  ...answersRoot,
};

export interface TicketRequest {
  /** Its version is not looked at; its offset is not in an append. */
  readonly interval: Segment;
  readonly isAppend: boolean;
}

/** The next version number. From here on the version must be published, or the blob stays as it is. */
const getTicket: Call<TicketRequest, Ticket> = {
  name: 'VMGR_GETTICKET',
  number: 2,
  isResultless: false,
  isRepeatable: false,
  findsSome: false,
  check: ({ interval: { offset, size } }) => {
    // Empty: the version would have a root node that nobody writes. Near 2^64: the doubling of the
    // root's size never ends.
    if (!(size >= 1) || !(offset >= 0) || !Number.isSafeInteger(offset + size)) {
      refuse(`no ticket for ${size} bytes at ${offset}`);
    }
  },
  encodeRequest: ({ interval, isAppend }, version) => [
    encodeSegment(interval, version),
    new ArchiveWriter(version, 1).bool(isAppend).end(),
  ],
  decodeRequest: (parameters) => {
    exactly(parameters, 2);
    return {
      interval: decodeSegment(parameters[0]!),
      isAppend: whole(parameters[1]!, (reader) => reader.bool()),
    };
  },
  encodeAnswer: (ticket, version) => [encodeTicket(ticket, version)],
  decodeAnswer: (results) => decodeTicket(only(results)),
  answerLimits: () => ({ maxItems: 1, maxItemBytes: maxTicketBytes, maxBytes: maxTicketBytes }),
};

export interface NewBlob {
  readonly pageSize: number;
  readonly ftInfo: number;
}

const create: Call<NewBlob, Root> = {
  name: 'VMGR_CREATE',
  number: 3,
  isRepeatable: false,
  check: ({ pageSize, ftInfo }) => {
    // 0 is taken, and the first ticket then never comes: 0 doubled stays 0.
    if (!(pageSize >= 1 && pageSize <= maxValueBytes)) refuse(`no page size: ${pageSize}`);
    if (!(ftInfo >= 1 && ftInfo <= maxGroupSize)) refuse(`no number of replicas: ${ftInfo}`);
  },
  encodeRequest: ({ pageSize, ftInfo }, version) => [u64(pageSize, version), u32(ftInfo, version)],
  decodeRequest: (parameters) => {
    exactly(parameters, 2);
    return { pageSize: readU64(parameters[0]!), ftInfo: readU32(parameters[1]!) };
  },
  ...answersRoot,
};

/** Only blob and version of the interval count. `status.unknown` when that version is not pending. */
const publish: Call<Segment, void> = {
  name: 'VMGR_PUBLISH',
  number: 4,
  isRepeatable: false,
  check: noCheck,
  encodeRequest: (interval, version) => [encodeSegment(interval, version)],
  decodeRequest: (parameters) => decodeSegment(only(parameters)),
  ...answersNothing,
};

/** Blobs ever created, clones too: the highest id. */
const getObjectCount: Call<void, number> = {
  name: 'VMGR_GETOBJNO',
  number: 5,
  isResultless: false,
  isRepeatable: true,
  findsSome: false,
  check: noCheck,
  encodeRequest: () => [],
  decodeRequest: (parameters) => exactly(parameters, 0),
  encodeAnswer: (count, version) => [u32(count, version)],
  decodeAnswer: (results) => readU32(only(results)),
  answerLimits: () => smallResult,
};

/** The source's root with the new blob's id in it; all zero for an unknown blob. */
const clone: Call<VersionName, Root> = {
  name: 'VMGR_CLONE',
  number: 6,
  isRepeatable: false,
  check: noCheck,
  ...namesVersion,
  ...answersRoot,
};

export const versionManagerCalls = { getRoot, getTicket, create, publish, getObjectCount, clone };

/** What a data provider reports of itself; the host is the address that it calls from. */
export interface ProviderReport {
  readonly freeBytes: number;
  /** Since the last report. */
  readonly pagesRead: number;
  readonly bytesRead: number;
  readonly service: string;
}

const update: Call<ProviderReport, void> = {
  name: 'PUBLISHER_UPDATE',
  number: 1,
  isRepeatable: true,
  check: ({ service }) => {
    if (!/^\d{1,5}$/.test(service)) refuse(`no port: ${service}`);
  },
  encodeRequest: ({ freeBytes, pagesRead, bytesRead, service }, version) => [
    u64(freeBytes, version),
    u64(pagesRead, version),
    u64(bytesRead, version),
    new ArchiveWriter(version, 16).string(service).end(),
  ],
  decodeRequest: (parameters) => {
    exactly(parameters, 4);
    return {
      freeBytes: readU64(parameters[0]!),
      pagesRead: readU64(parameters[1]!),
      bytesRead: readU64(parameters[2]!),
      service: whole(parameters[3]!, (reader) => reader.string(maxServiceBytes)),
    };
  },
  ...answersNothing,
};

export interface ProvidersRequest {
  readonly count: number;
  /** Providers within a group differ. */
  readonly groupSize: number;
}

const getProviders: Call<ProvidersRequest, readonly Provider[]> = {
  name: 'PUBLISHER_GET',
  number: 2,
  isResultless: false,
  isRepeatable: true,
  findsSome: false,
  check: ({ count, groupSize }) => {
    if (!(groupSize >= 1 && groupSize <= maxGroupSize)) refuse(`no group size: ${groupSize}`);
    if (!(count >= 1 && count <= maxProvidersAtOnce && count % groupSize === 0)) {
      refuse(`no count of providers in groups of ${groupSize}: ${count}`);
    }
  },
  encodeRequest: ({ count, groupSize }, version) => [u32(count, version), u32(groupSize, version)],
  decodeRequest: (parameters) => {
    exactly(parameters, 2);
    return { count: readU32(parameters[0]!), groupSize: readU32(parameters[1]!) };
  },
  encodeAnswer: (providers, version) => [encodeProviders(providers, version)],
  decodeAnswer: (results, { count }) => {
    const providers = decodeProviders(only(results));
    if (providers.length !== count) {
      throw new BlobSeerError('corrupt', `${providers.length} providers instead of ${count}`);
    }
    return providers;
  },
  answerLimits: ({ count }) => {
    const maxBytes = maxSmallResultBytes + Math.min(count, maxProvidersAtOnce) * maxProviderBytes;
    return { maxItems: 1, maxItemBytes: maxBytes, maxBytes };
  },
};

export const providerManagerCalls = { update, get: getProviders };

/** Keys in the order asked for; an answer holds undefined for those that are missing. */
export interface ReadRequest {
  readonly keys: readonly Uint8Array[];
  /** The longest value that is taken; not sent. */
  readonly maxValueBytes: number;
}

export type Values = readonly (Buffer | undefined)[];
export type KeyValue = readonly [key: Uint8Array, value: Uint8Array];

function readCall(
  name: string,
  number: number,
  checkKey: (key: Uint8Array) => void,
): Call<ReadRequest, Values> {
  return {
    name,
    number,
    isResultless: false,
    isRepeatable: true,
    findsSome: true,
    check: ({ keys }) => {
      if (keys.length === 0) refuse('a read without keys');
      keys.forEach(checkKey);
    },
    encodeRequest: ({ keys }) => [...keys],
    decodeRequest: (parameters) => ({ keys: parameters, maxValueBytes }),
    encodeAnswer: (values) => values.map((value) => value ?? Buffer.alloc(0)),
    decodeAnswer: (results, { keys }) => {
      exactly(results, keys.length);
      return results.map((result) => (result.length === 0 ? undefined : result));
    },
    answerLimits: (request) => ({
      maxItems: request.keys.length,
      maxItemBytes: request.maxValueBytes,
      maxBytes: request.keys.length * request.maxValueBytes,
    }),
  };
}

function writeCall(
  checkKey: (key: Uint8Array) => void,
  checkValue: (value: Uint8Array) => void,
): Call<readonly KeyValue[], void> {
  return {
    name: 'PROVIDER_WRITE',
    number: 2,
    isRepeatable: true,
    check: (pairs) => {
      if (pairs.length === 0) refuse('a write without pairs');
      for (const [key, value] of pairs) {
        checkKey(key);
        // The original's metadata provider ends when it looks into an empty value.
        if (value.length === 0) refuse('an empty value');
        checkValue(value);
      }
    },
    encodeRequest: (pairs) => pairs.flat(),
    decodeRequest: (parameters) => {
      if (parameters.length === 0 || parameters.length % 2 !== 0) {
        throw new BlobSeerError('corrupt', `${parameters.length} parameters are no pairs`);
      }
      const pairs: KeyValue[] = [];
      for (let at = 0; at < parameters.length; at += 2) {
        pairs.push([parameters[at]!, parameters[at + 1]!]);
      }
      return pairs;
    },
    ...answersNothing,
  };
}

function checkPageKey(key: Uint8Array): void {
  if (key.length !== pageKeyBytes) refuse(`a page key of ${key.length} bytes`);
}

function checkPage(page: Uint8Array): void {
  if (page.length > maxValueBytes) refuse(`a page of ${page.length} bytes`);
}

function checkMetadataKey(key: Uint8Array): void {
  if (key.length !== pageKeyBytes && key.length !== nodeKeyBytes) {
    refuse(`a metadata key of ${key.length} bytes`);
  }
}

/** A value as long as a tree node is taken for one and altered, whatever it is. */
function checkMetadataValue(value: Uint8Array): void {
  if (value.length !== nodeBytes) return;
  try {
    decodeTreeNode(value);
  } catch (error) {
    throw new BlobSeerError('invalid-argument', 'a value as long as a tree node that is none', {
      cause: error,
    });
  }
}

export interface PartRequest {
  readonly key: Uint8Array;
  readonly offset: number;
  readonly size: number;
}

/** A part of a page; `status.unknown` when it is not within the page, or there is no page. */
const readPartial: Call<PartRequest, Buffer> = {
  name: 'PROVIDER_READ_PARTIAL',
  number: 4,
  isResultless: false,
  isRepeatable: true,
  findsSome: false,
  check: ({ key, offset, size }) => {
    checkPageKey(key);
    // A sum that wraps around 2^64 passes the original's check and reads its memory.
    if (!(size >= 1 && size <= maxValueBytes) || !(offset >= 0 && offset <= maxValueBytes)) {
      refuse(`no part of a page: ${size} bytes at ${offset}`);
    }
  },
  encodeRequest: ({ key, offset, size }, version) => [
    key,
    u64(offset, version),
    u64(size, version),
  ],
  decodeRequest: (parameters) => {
    exactly(parameters, 3);
    return { key: parameters[0]!, offset: readU64(parameters[1]!), size: readU64(parameters[2]!) };
  },
  encodeAnswer: (bytes) => [bytes],
  decodeAnswer: (results, { size }) => {
    const bytes = only(results);
    if (bytes.length !== size) {
      throw new BlobSeerError('corrupt', `${bytes.length} bytes of a page instead of ${size}`);
    }
    return bytes;
  },
  answerLimits: ({ size }) => ({ maxItems: 1, maxItemBytes: size, maxBytes: size }),
};

export const dataProviderCalls = {
  read: readCall('PROVIDER_READ', 1, checkPageKey),
  write: writeCall(checkPageKey, checkPage),
  readPartial,
};

export const metadataProviderCalls = {
  read: readCall('PROVIDER_READ', 1, checkMetadataKey),
  write: writeCall(checkMetadataKey, checkMetadataValue),
  /** A read that is not counted in tree nodes. */
  probe: readCall('PROVIDER_PROBE', 5, checkMetadataKey),
};
