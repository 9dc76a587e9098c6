/**
 * What our data and metadata providers answer beyond the original's calls: releasing what is not wanted
 * any more, and listing what is there. The original's programs drop the connection on these numbers.
 */
import { BlobSeerError } from '../../errors.ts';
import { answersNothing, type Call, refuse } from './calls.ts';
import type { FrameLimits } from './frame.ts';
import { writeIdBytes } from './page-key.ts';
import { nodeKeyBytes } from './records.ts';

/** Longest key that a provider of ours keeps; the protocol's own have 16 and 69 bytes. */
export const maxStoredKeyBytes = 512;
/** Keys, or ids of writes, in one call. */
export const maxReleased = 4096;
/** Pages, or nodes, in one answer. */
export const maxListed = 4096;
const u32Bytes = 4;
/** Of a node's key: all but where it stands in its version's tree. */
export const versionPrefixBytes = nodeKeyBytes - 16;

/** Fewer than `limit` in an answer are the last ones. */
export interface ListRequest {
  readonly limit: number;
  /** The last key of the answer before; from the beginning when absent. */
  readonly after: Uint8Array | undefined;
}

export interface ListedPage {
  readonly key: Buffer;
  /** Of the page, in bytes. */
  readonly length: number;
}

export const releaseLimits: FrameLimits = {
  maxItems: maxReleased,
  maxItemBytes: maxStoredKeyBytes,
  maxBytes: maxReleased * maxStoredKeyBytes,
};
export const listLimits: FrameLimits = {
  maxItems: 2,
  maxItemBytes: maxStoredKeyBytes,
  maxBytes: 2 * maxStoredKeyBytes,
};

function releaseCall(
  name: string,
  number: number,
  checkKey: (key: Uint8Array) => void,
): Call<readonly Uint8Array[], void> {
  return {
    name,
    number,
    isRepeatable: true,
    check: (keys) => {
      if (keys.length === 0 || keys.length > maxReleased) refuse(`${keys.length} keys to release`);
      keys.forEach(checkKey);
    },
    encodeRequest: (keys) => [...keys],
    decodeRequest: (parameters) => {
      if (parameters.length === 0) throw new BlobSeerError('corrupt', 'nothing to release');
      readAs(() => parameters.forEach(checkKey));
      return parameters;
    },
    ...answersNothing,
  };
}

function listCall<Item>(
  name: string,
  number: number,
  codec: {
    readonly encode: (item: Item) => Uint8Array[];
    readonly decode: (results: readonly Buffer[]) => Item[];
    /** Of an item. */
    readonly results: number;
  },
): Call<ListRequest, readonly Item[]> {
  return {
    name,
    number,
    isResultless: false,
    isRepeatable: true,
    findsSome: false,
    check: checkList,
    encodeRequest: ({ limit, after }) => [u32(limit), ...(after === undefined ? [] : [after])],
    decodeRequest: (parameters) => {
      const [limit, after] = parameters;
      if (limit?.length !== u32Bytes || parameters.length > 2) {
        throw new BlobSeerError('corrupt', `${parameters.length} parameters of a list`);
      }
      const request = { limit: limit.readUInt32LE(), after };
      readAs(() => checkList(request));
      return request;
    },
    encodeAnswer: (items) => items.flatMap(codec.encode),
    decodeAnswer: codec.decode,
    answerLimits: ({ limit }) => ({
      maxItems: limit * codec.results,
      maxItemBytes: maxStoredKeyBytes,
      maxBytes: limit * (maxStoredKeyBytes + u32Bytes),
    }),
  };
}

function checkStoredKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > maxStoredKeyBytes) refuse(`a key of ${key.length} bytes`);
}

/** Of a version's tree nodes, or of a write's pages; what is shorter would take those of others with it. */
function checkPrefix(prefix: Uint8Array): void {
  if (prefix.length === writeIdBytes || prefix.length === versionPrefixBytes) return;
  refuse(`a prefix of ${prefix.length} bytes`);
}

/** A shorter one would take pages of other writes with it. */
function checkWriteId(id: Uint8Array): void {
  if (id.length !== writeIdBytes) refuse(`a write id of ${id.length} bytes`);
}

function checkList({ limit, after }: ListRequest): void {
  if (!(Number.isInteger(limit) && limit >= 1 && limit <= maxListed)) refuse(`a list of ${limit}`);
  if (after !== undefined) checkStoredKey(after);
}

/** What must not be sent must not be taken either. */
function readAs(check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new BlobSeerError('corrupt', (cause as Error).message, { cause });
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(u32Bytes);
  bytes.writeUInt32LE(value);
  return bytes;
}

function decodePages(results: readonly Buffer[]): ListedPage[] {
  const pages: ListedPage[] = [];
  for (let at = 0; at < results.length; at += 2) {
    const [key, length] = results.slice(at, at + 2);
    if (key === undefined || key.length === 0 || length?.length !== u32Bytes) {
      throw new BlobSeerError('corrupt', 'not a list of pages');
    }
    pages.push({ key, length: length.readUInt32LE() });
  }
  return pages;
}

function decodeKeys(results: readonly Buffer[]): Buffer[] {
  if (results.some(({ length }) => length === 0)) {
    throw new BlobSeerError('corrupt', 'not a list of keys');
  }
  return [...results];
}

export const pageStorageCalls = {
  release: releaseCall('RELEASE_PAGES', 1010, checkStoredKey),
  /** All pages whose 16-byte keys begin with an id. */
  releaseWrites: releaseCall('RELEASE_WRITE', 1011, checkWriteId),
  list: listCall<ListedPage>('LIST_PAGES', 1012, {
    encode: ({ key, length }) => [key, u32(length)],
    decode: decodePages,
    results: 2,
  }),
};

export const nodeStorageCalls = {
  release: releaseCall('RELEASE_NODES', 1020, checkStoredKey),
  /** All tree nodes of versions, and all lists of writes, whose keys begin with these. */
  releaseAll: releaseCall('RELEASE_NODES_OF', 1022, checkPrefix),
  list: listCall<Buffer>('LIST_NODES', 1021, {
    encode: (key) => [key],
    decode: decodeKeys,
    results: 1,
  }),
};
