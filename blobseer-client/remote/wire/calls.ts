/**
 * What a call of BlobSeer's RPC is: a codec for both ends, and `check`, which refuses what must never be
 * sent. There are well-formed requests that end or hang a server of the original for good, for all
 * its clients.
 */
import { BlobSeerError } from '../../errors.ts';
import { type ArchiveReader, ArchiveWriter } from './archive.ts';
import type { FrameLimits, Pieces } from './frame.ts';
import { whole } from './records.ts';

/** The statuses that the original's servers answer. */
export const status = { ok: 0, unknown: 6, badArguments: 7, noResources: 28 } as const;

/** `Received` is what a server makes of a request, `Sent` what parameters are sent as. */
export interface Call<
  Request,
  Answer,
  Received extends Request = Request,
  Sent extends Uint8Array | Pieces = Uint8Array,
> {
  /** As in the original's sources. */
  readonly name: string;
  readonly number: number;
  /**
   * Its answers carry no result. To the original's programs only such calls may go over kept
   * connections: their Nagle holds back results there for some 40 ms.
   */
  readonly isResultless: boolean;
  /** Doing it twice is as doing it once. */
  readonly isRepeatable: boolean;
  /** Answers with `status.unknown` carry results too: some keys are missing, not all. */
  readonly findsSome: boolean;
  /** Throws `invalid-argument` for what must never be sent. */
  check(request: Request): void;
  encodeRequest(request: Request, archiveVersion: number): Sent[];
  /** Throws `corrupt`. Says nothing of the sense of what it reads. */
  decodeRequest(parameters: readonly Buffer[]): Received;
  encodeAnswer(answer: Answer, archiveVersion: number): Uint8Array[];
  /** Throws `corrupt`. */
  decodeAnswer(results: readonly Buffer[], request: Request): Answer;
  answerLimits(request: Request): FrameLimits;
}

/** Pages of the original are shorter than 4 GiB; nobody has use for more than this. */
export const maxValueBytes = 256 * 2 ** 20;

export const maxSmallResultBytes = 1024;

export const refuse = (message: string): never => {
  throw new BlobSeerError('invalid-argument', message);
};
export const noCheck = (): void => undefined;

export function exactly(items: readonly Buffer[], count: number): void {
  if (items.length !== count) {
    throw new BlobSeerError('corrupt', `${items.length} values where there should be ${count}`);
  }
}

export function only(items: readonly Buffer[]): Buffer {
  exactly(items, 1);
  return items[0]!;
}

export const u32 = (value: number, version: number): Buffer =>
  new ArchiveWriter(version, 4).u32(value).end();
export const u64 = (value: number, version: number): Buffer =>
  new ArchiveWriter(version, 8).u64(value).end();
export const readU32 = (bytes: Buffer): number =>
  whole(bytes, (reader: ArchiveReader) => reader.u32());
export const readU64 = (bytes: Buffer): number =>
  whole(bytes, (reader: ArchiveReader) => reader.u64());

export const smallResult: FrameLimits = {
  maxItems: 1,
  maxItemBytes: maxSmallResultBytes,
  maxBytes: maxSmallResultBytes,
};
export const noResult: FrameLimits = { maxItems: 0, maxItemBytes: 0, maxBytes: 0 };

export const answersNothing = {
  isResultless: true,
  findsSome: false,
  encodeAnswer: () => [],
  decodeAnswer: (results: readonly Buffer[]) => exactly(results, 0),
  answerLimits: () => noResult,
};
