/**
 * The calls that every entity of ours answers beside those of its role. The original's programs drop the
 * connection on numbers that they do not know, and are otherwise unharmed.
 */
import { BlobSeerError } from '../../errors.ts';
import { type Call, exactly, noCheck, only, smallResult } from './calls.ts';

/** Rises when a call of the original's numbers, or of ours, changes its meaning. */
export const extensionVersion = 1;
const maxStatisticsBytes = 64 * 1024;

export interface Hello {
  readonly role: string;
  /** Which extensions of the protocol it has. */
  readonly extensions: number;
  /** Of the program. */
  readonly version: string;
}

/** By name; a unit ends the name where there is one. */
export type Statistics = Readonly<Record<string, number | string | boolean>>;

/** Asks with the version of the extensions that the caller has. */
const hello: Call<number, Hello> = {
  name: 'HELLO',
  number: 1001,
  isResultless: false,
  isRepeatable: true,
  findsSome: false,
  check: noCheck,
  encodeRequest: (extensions) => {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32LE(extensions);
    return [bytes];
  },
  decodeRequest: (parameters) => {
    const bytes = only(parameters);
    if (bytes.length !== 4) throw new BlobSeerError('corrupt', `${bytes.length} bytes are no u32`);
    return bytes.readUInt32LE();
  },
  encodeAnswer: ({ role, extensions, version }) => [json({ role, extensions, version })],
  decodeAnswer: (results) => {
    const { role, extensions, version } = objectOf(only(results));
    const isRight =
      typeof role === 'string' && Number.isInteger(extensions) && typeof version === 'string';
    if (!isRight) throw new BlobSeerError('corrupt', 'not an introduction');
    return { role, extensions: Number(extensions), version };
  },
  answerLimits: () => smallResult,
};

const statistics: Call<undefined, Statistics> = {
  name: 'STATISTICS',
  number: 1002,
  isResultless: false,
  isRepeatable: true,
  findsSome: false,
  check: noCheck,
  encodeRequest: () => [],
  decodeRequest: (parameters) => exactly(parameters, 0) as undefined,
  encodeAnswer: (numbers) => [json(numbers)],
  decodeAnswer: (results) => {
    const numbers = objectOf(only(results));
    for (const [name, value] of Object.entries(numbers)) {
      if (!['number', 'string', 'boolean'].includes(typeof value)) {
        throw new BlobSeerError('corrupt', `${name} is no number, string or boolean`);
      }
    }
    return numbers as Statistics;
  },
  answerLimits: () => ({
    maxItems: 1,
    maxItemBytes: maxStatisticsBytes,
    maxBytes: maxStatisticsBytes,
  }),
};

export const entityCalls = { hello, statistics };

const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));

function objectOf(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch (cause) {
    throw new BlobSeerError('corrupt', 'no JSON', { cause });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new BlobSeerError('corrupt', 'no object of JSON');
}
