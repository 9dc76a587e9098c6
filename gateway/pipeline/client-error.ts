/**
 * What Node's HTTP parser refuses. Most of it has no request yet; a body that breaks off or is framed
 * wrongly has one, and its pipeline answers it.
 */
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { renderError, S3Error } from '../s3/errors.ts';
import { RequestIds } from './request-ids.ts';
import { serverName } from './respond.ts';
import type { Turns } from './turns.ts';

/** Time for the client to read the answer before the socket is destroyed with what it still sends. */
const lingerMs = 1000;

/** What Node's http module says of bytes that are no request. */
export interface ParserError extends NodeJS.ErrnoException {
  /** What was read last, and how much of it was understood. */
  readonly rawPacket?: Buffer;
  readonly bytesParsed?: number;
}

export interface ClientErrorParts {
  readonly clock: Clock;
  readonly hostId: string;
  readonly log: Logger;
  /** The requests of each connection. */
  readonly turns: Turns;
}

export function clientErrorListener(
  parts: ClientErrorParts,
): (error: ParserError, socket: Duplex) => void {
  const requestIds = new RequestIds(parts.clock);
  return (cause, socket) => {
    if (cause.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const exchange = parts.turns.running(socket);
    if (exchange?.body.isPending === true) {
      exchange.body.fail(new S3Error('IncompleteBody', { cause }));
      return;
    }
    parts.turns.finish(socket, () =>
      answer(parts, requestIds.next(), refusalOf(cause), socket, isOfHead(cause)),
    );
  };
}

/** What the parser says of a method that it does not know. */
export const methodRefused: NodeJS.ErrnoException = Object.assign(new Error('invalid method'), {
  code: 'HPE_INVALID_METHOD',
});

/** Codes of llhttp (https://github.com/nodejs/llhttp) and of Node itself. */
function refusalOf(cause: NodeJS.ErrnoException): S3Error {
  switch (cause.code) {
    case 'HPE_HEADER_OVERFLOW':
      return new S3Error('RequestHeaderSectionTooLarge', { status: 431, cause });
    case 'HPE_INVALID_METHOD':
      return new S3Error('MethodNotAllowed', { cause });
    case 'HPE_INVALID_URL':
      return new S3Error('InvalidURI', { cause });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new S3Error('RequestTimeout', { cause });
    default:
      return new S3Error('BadRequest', {
        message: 'An error occurred when parsing the HTTP request.',
        cause,
      });
  }
}

/** HEAD has no document, refused or not (RFC 9110 section 9.3.2): of the head that broke off, by its bytes. */
function isOfHead(cause: ParserError): boolean {
  const { rawPacket, bytesParsed = 0 } = cause;
  if (rawPacket === undefined) return false;
  const parsed = rawPacket.toString('latin1', 0, bytesParsed);
  const headAt = parsed.lastIndexOf('\r\n\r\n');
  return rawPacket.toString('latin1', headAt < 0 ? 0 : headAt + 4).startsWith('HEAD ');
}

function answer(
  parts: ClientErrorParts,
  requestId: string,
  error: S3Error,
  socket: Duplex,
  isHead: boolean,
): void {
  const { clock, hostId, log } = parts;
  const body = Buffer.from(renderError(error, { requestId, hostId }));
  const head = [
    `HTTP/1.1 ${error.status} ${error.code}`,
    `Server: ${serverName}`,
    `Date: ${new Date(clock.nowMs()).toUTCString()}`,
    `x-amz-request-id: ${requestId}`,
    `x-amz-id-2: ${hostId}`,
    'Content-Type: application/xml',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  socket.end(
    Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), ...(isHead ? [] : [body])]),
  );
  // Closing over unread bytes resets the connection, and the answer with it: read on for a moment.
  socket.resume();
  const linger = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(linger));
  socket.once('error', () => socket.destroy());
  const { status, code } = error;
  log.info({ requestId, status, errorCode: code, cause: parserCode(error) }, 'request refused');
}

function parserCode(error: S3Error): string | undefined {
  const { cause } = error;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}
