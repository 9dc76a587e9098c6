/** The calls of the version manager and of the provider manager, by name. */
import { BlobSeerError } from '../../errors.ts';
import { ArchiveWriter, archiveVersionOf } from './archive.ts';
import {
  answersNothing,
  type Call,
  exactly,
  maxSmallResultBytes,
  maxValueBytes,
  noCheck,
  only,
  readU32,
  readU64,
  refuse,
  smallResult,
  u32,
  u64,
} from './calls.ts';
import {
  decodeProviders,
  decodeRoot,
  decodeSegment,
  decodeTicket,
  encodeProviders,
  encodeRoot,
  encodeSegment,
  encodeTicket,
  maxProviderBytes,
  maxServiceBytes,
  type Provider,
  pendingVersionBytes,
  type Root,
  type Segment,
  type Ticket,
  whole,
} from './records.ts';

/** More providers at once than any write has use for; the original would try to hand out 2^32 - 1. */
export const maxProvidersAtOnce = 4096;
/** Above 2^31 - 1 the original's provider manager loops for ever. */
export const maxGroupSize = 255;
/** A hundred thousand pending versions, each listed in every ticket. */
const maxTicketBytes = 1024 + 100_000 * pendingVersionBytes;

/** Calls that answer a root: GETROOT, CREATE and CLONE. */
const answersRoot = {
  isResultless: false,
  findsSome: false,
  encodeAnswer: (root: Root, version: number) => [encodeRoot(root, version)],
  decodeAnswer: (results: readonly Buffer[]) => decodeRoot(only(results)),
  answerLimits: () => smallResult,
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

/**
 * GETOBJNO, asked for the archive version that the server writes: it is part of every metadata key, so
 * all clients of a deployment must write the same. The request carries no archive of ours.
 */
export const getArchiveVersion: Call<void, number> = {
  ...getObjectCount,
  encodeAnswer: (archiveVersion) => [u32(0, archiveVersion)],
  decodeAnswer: (results) => archiveVersionOf(only(results)),
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
