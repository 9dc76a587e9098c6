/**
 * The recorded exchanges in ../vectors: facts, taken from the wire between the programs of the
 * original release. `sequence-*.json` are whole writes and reads of its C++ client, in order.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  type Call,
  dataProviderCalls,
  metadataProviderCalls,
  providerManagerCalls,
  versionManagerCalls,
} from '../wire/messages.ts';

export interface Exchange {
  /** File and name, for messages. */
  readonly title: string;
  readonly service: 'vmanager' | 'pmanager' | 'provider' | 'sdht';
  readonly endpoint: string;
  /** The call's name in the original's sources. */
  readonly call: string;
  readonly status: number;
  readonly request: Buffer;
  readonly answer: Buffer;
  /** Deliberately: not to be decoded further than frames. */
  readonly isMalformed: boolean;
  /** Which of the two metadata providers the C++ client chose. */
  readonly gateway: number | undefined;
  /** What another decoder read in it, as JSON; of version manager and provider manager only. */
  readonly parameters: unknown;
  readonly result: unknown;
}

/** From dist/blobseer-client/remote/testing to the sources, where the compiler leaves JSON files. */
const folder = path.join(import.meta.dirname, '../../../../blobseer-client/remote/vectors');

/** `(61*4096)` in the hexadecimal digits stands for 4096 bytes 0x61. */
function unpack(text: string): Buffer {
  const digits = text.replace(/\((..)\*(\d+)\)/g, (_, byte: string, count: string) =>
    byte.repeat(Number(count)),
  );
  return Buffer.from(digits, 'hex');
}

interface RawExchange {
  readonly name: string;
  readonly service: Exchange['service'];
  readonly endpoint: string;
  readonly call: string;
  readonly status: number;
  readonly request: string;
  readonly answer: string;
  readonly malformed?: boolean;
  readonly gateway?: number;
  readonly parameters?: unknown;
  readonly result?: unknown;
}

export function readVectors<Content>(file: string): Content {
  return JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Content;
}

export function exchangesOf(file: string): Exchange[] {
  const { exchanges } = readVectors<{ exchanges: RawExchange[] }>(file);
  return exchanges.map((raw) => ({
    ...raw,
    title: `${file} ${raw.name}`,
    request: unpack(raw.request),
    answer: unpack(raw.answer),
    isMalformed: raw.malformed === true,
    gateway: raw.gateway,
    parameters: raw.parameters,
    result: raw.result,
  }));
}

export function allExchanges(): Exchange[] {
  return readdirSync(folder)
    .filter((file) => file !== 'values.json')
    .sort()
    .flatMap(exchangesOf);
}

const callsOf = {
  vmanager: versionManagerCalls,
  pmanager: providerManagerCalls,
  provider: dataProviderCalls,
  sdht: metadataProviderCalls,
};

/** The row of an exchange's call, for tests that treat all calls alike. */
export function callOf({ service, call }: Exchange): Call<unknown, unknown> {
  const rows = Object.values(callsOf[service]) as unknown as Call<unknown, unknown>[];
  const row = rows.find(({ name }) => name === call);
  if (row === undefined) throw new Error(`no such call: ${service} ${call}`);
  return row;
}
