/** What an entity answers to one call of BlobSeer's RPC. */
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import type { Frame, FrameLimits } from '../../blobseer-client/remote/wire/frame.ts';
import { type Call, status } from '../../blobseer-client/remote/wire/messages.ts';

/** As much of the program's log as entities need (pino's methods of these names). */
export interface EntityLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Who asks: the address of the other end. */
export interface Peer {
  readonly host: string;
  readonly port: number;
}

export interface Answer {
  readonly status: number;
  readonly results: readonly Uint8Array[];
  /** Called when the answer has been sent, or cannot be. */
  readonly release?: () => void;
}

export interface Method {
  readonly name: string;
  readonly number: number;
  /** Of its requests. */
  readonly limits: FrameLimits;
  /**
   * BlobSeerErrors become statuses where there is one for them; any other error ends the connection, so
   * that the client turns to a replica.
   */
  answer(parameters: Frame['items'], peer: Peer): Promise<Answer> | Answer;
}

export const justStatus = (value: number): Answer => ({ status: value, results: [] });

/** Requests of few small values. */
export const smallRequest: FrameLimits = { maxItems: 8, maxItemBytes: 1024, maxBytes: 4096 };

/** A method whose answer is one value, or nothing. Arguments that `check` refuses are bad ones. */
export function methodOf<Request, Result>(
  call: Call<Request, Result>,
  archiveVersion: number,
  serve: (request: Request, peer: Peer) => Promise<Result> | Result,
): Method {
  return {
    name: call.name,
    number: call.number,
    limits: smallRequest,
    async answer(parameters, peer) {
      const request = decoded(() => call.decodeRequest(parameters));
      const result = await serve(request, peer);
      return { status: status.ok, results: call.encodeAnswer(result, archiveVersion) };
    },
  };
}

/** Undefined for errors that say nothing of the request. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof BlobSeerError)) return undefined;
  if (error.kind === 'invalid-argument') return status.badArguments;
  if (error.kind === 'not-found') return status.unknown;
  if (error.kind === 'no-space') return status.noResources;
  return undefined;
}

/** A request that cannot be read is a bad argument, while a record that cannot be is no answer at all. */
export function decoded<Value>(decode: () => Value): Value {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof BlobSeerError)) throw error;
    throw new BlobSeerError('invalid-argument', error.message, { cause: error });
  }
}
