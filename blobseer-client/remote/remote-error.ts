/** What went wrong with a call to a program on another machine. */
import { BlobSeerError, type BlobSeerErrorKind } from '../errors.ts';
import { status } from './wire/messages.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const addressText = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Of what `addressText` has written. */
export function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(text.slice(colon + 1)) };
}

interface Details {
  /**
   * The call may have been done though there is no answer. A ticket or a new blob may then exist that
   * nobody knows of, so only calls of which `isRepeatable` holds are simply made again.
   */
  readonly mayHaveRun: boolean;
  /** What the server answered, if it answered. */
  readonly status?: number;
  readonly cause?: unknown;
}

/** `unavailable`: no answer. `corrupt`: an answer that makes no sense. Others: what was answered. */
export class RemoteError extends BlobSeerError {
  readonly mayHaveRun: boolean;
  readonly status: number | undefined;

  constructor(kind: BlobSeerErrorKind, message: string, details: Details) {
    super(kind, message, { cause: details.cause });
    this.name = 'RemoteError';
    this.mayHaveRun = details.mayHaveRun;
    this.status = details.status;
  }
}

const kindOfStatus: Readonly<Record<number, BlobSeerErrorKind>> = {
  [status.unknown]: 'not-found',
  [status.badArguments]: 'invalid-argument',
  [status.noResources]: 'no-space',
};

/** The error that a server's answer stands for. */
export function errorOfStatus(answered: number, call: string, address: Address): RemoteError {
  const kind = kindOfStatus[answered] ?? 'corrupt';
  const message = `${call} to ${addressText(address)}: status ${answered}`;
  return new RemoteError(kind, message, { mayHaveRun: kind === 'corrupt', status: answered });
}
