/** The calls of data providers, which keep pages, and of metadata providers, which keep tree nodes. */
import { BlobSeerError } from '../../errors.ts';
import {
  answersNothing,
  type Call,
  exactly,
  maxValueBytes,
  only,
  readU64,
  refuse,
  u64,
} from './calls.ts';
import type { Pieces } from './frame.ts';
import { decodeTreeNode, nodeBytes, nodeKeyBytes, pageKeyBytes } from './records.ts';

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

function writeCall<Value extends Uint8Array | Pieces>(
  checkKey: (key: Uint8Array) => void,
  checkValue: (value: Value | Uint8Array) => void,
): Call<
  readonly (readonly [key: Uint8Array, value: Value | Uint8Array])[],
  void,
  readonly KeyValue[],
  Value | Uint8Array
> {
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

function checkPage(page: Uint8Array | Pieces): void {
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
  write: writeCall<Uint8Array | Pieces>(checkPageKey, checkPage),
  readPartial,
};

export const metadataProviderCalls = {
  read: readCall('PROVIDER_READ', 1, checkMetadataKey),
  write: writeCall<Uint8Array>(checkMetadataKey, checkMetadataValue),
  /** A read that is not counted in tree nodes. */
  probe: readCall('PROVIDER_PROBE', 5, checkMetadataKey),
};
