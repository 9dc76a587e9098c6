/**
 * The one place that writes answers. A stream's first piece is awaited before the head is sent, so
 * that a page found corrupt at once is still an error document; behind the head a failure can only
 * break the connection. A body that was not read is drained within bounds before the connection
 * closes: closing with unread bytes resets it, and the client never sees the answer.
 */
import type { Limits } from '../limits.ts';
import type { S3Response } from '../operations/operation.ts';
import { ClientGone, type Exchange } from './exchange.ts';

/**
 * Handed to the socket at once: much to a client that takes it quickly, which is cheap; little to a slow one, which
 * is found alive when it has taken it.
 */
const leastWriteBytes = 64 * 1024;
const mostWriteBytes = 1024 * 1024;
const quickMs = 100;

export const serverName = 'blobseer-s3';

/** Name, value, name, value: such a list Node writes down as it stands. */
type Head = (string | number)[];

const lengthName = 'Content-Length';

/** Throws what the body's source throws, and `ClientGone`. */
export function respond(exchange: Exchange, response: S3Response, limits: Limits): Promise<void> {
  const { body } = response;
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    return writeWhole(exchange, response, bytes, limits);
  }
  return writePieces(exchange, response, body[Symbol.asyncIterator](), limits);
}

/** No body goes with HEAD, 204 and 304 (RFC 9110 sections 9.3.2, 15.3.5, 15.4.5). */
function hasBody(exchange: Exchange, { status }: S3Response): boolean {
  return exchange.method !== 'HEAD' && status !== 204 && status !== 304;
}

/** `length` is the body's where it is known here; else the response tells it, or nobody. */
function headOf(exchange: Exchange, { headers }: S3Response, length: number | undefined): Head {
  const { requestId, hostId, extraHeaders } = exchange;
  const head: Head = ['Server', serverName, 'x-amz-request-id', requestId, 'x-amz-id-2', hostId];
  for (const name in headers) {
    if (length === undefined || name !== lengthName) head.push(name, headers[name] ?? '');
  }
  for (const name in extraHeaders) head.push(name, extraHeaders[name] ?? '');
  if (length !== undefined) head.push(lengthName, length);
  return head;
}

async function writeWhole(
  exchange: Exchange,
  response: S3Response,
  bytes: Buffer | undefined,
  limits: Limits,
): Promise<void> {
  const { res, body } = exchange;
  const { status, headers } = response;
  const goesWithBody = hasBody(exchange, response);
  // A HEAD without Content-Length says nothing of the length that a GET would have.
  const isNothing = bytes === undefined && goesWithBody && headers[lengthName] === undefined;
  const head = headOf(exchange, response, isNothing ? 0 : bytes?.length);
  // Node hands a request out in front of what came with its head: that is understood a moment later.
  if (body.isPending) await undefined;
  if (body.isPending) await readSmallBody(exchange, limits);
  if (exchange.isClientGone) throw new ClientGone();
  const sent = goesWithBody ? bytes : undefined;
  exchange.bytesOut += sent?.length ?? 0;
  if (!body.isPending) {
    res.writeHead(status, head).end(sent);
    return;
  }
  head.push('Connection', 'close');
  res.writeHead(status, head);
  if (sent === undefined) res.flushHeaders();
  else res.write(sent);
  await body.drain(limits.drainBytes, limits.drainTimeoutMs);
  res.end();
}

/**
 * A refusal may be ready before the body that came with its head is even parsed. A small one is read to
 * its end, so that the connection can be kept: clients that race with If-None-Match are refused often.
 * One that waits for 100 Continue was not told to send it.
 */
async function readSmallBody({ body, expectsContinue }: Exchange, limits: Limits): Promise<void> {
  if (expectsContinue || body.announcedBytes > limits.smallBodyBytes) return;
  await body.drain(limits.smallBodyBytes, limits.smallBodyTimeoutMs);
}

async function writePieces(
  exchange: Exchange,
  response: S3Response,
  pieces: AsyncIterator<Buffer>,
  limits: Limits,
): Promise<void> {
  try {
    if (hasBody(exchange, response)) await writeStream(exchange, response, pieces, limits);
    else await writeWhole(exchange, response, undefined, limits);
  } finally {
    await pieces.return?.();
  }
}

async function writeStream(
  exchange: Exchange,
  response: S3Response,
  pieces: AsyncIterator<Buffer>,
  limits: Limits,
): Promise<void> {
  const { res } = exchange;
  let piece = await pieces.next();
  if (exchange.isClientGone) throw new ClientGone();
  const isUnread = exchange.body.isPending;
  const head = headOf(exchange, response, undefined);
  if (isUnread) head.push('Connection', 'close');
  res.writeHead(response.status, head);
  let writeBytes = leastWriteBytes;
  while (piece.done !== true) {
    const bytes = piece.value;
    for (let at = 0; at < bytes.length; ) {
      const slice = bytes.subarray(at, at + writeBytes);
      at += slice.length;
      const beganMs = performance.now();
      await written(exchange, slice);
      exchange.bytesOut += slice.length;
      const isQuick = performance.now() - beganMs < quickMs;
      writeBytes = isQuick
        ? Math.min(2 * writeBytes, mostWriteBytes)
        : Math.max(writeBytes / 2, leastWriteBytes);
    }
    piece = await pieces.next();
    if (exchange.isClientGone) throw new ClientGone();
  }
  const promised = response.headers[lengthName];
  if (promised !== undefined && Number(promised) !== exchange.bytesOut) {
    throw new Error(`the answer has ${exchange.bytesOut} bytes instead of ${promised}`);
  }
  if (isUnread) await exchange.body.drain(limits.drainBytes, limits.drainTimeoutMs);
  res.end();
}

/**
 * Resolves when the system has the bytes: they may be written over then. Throws ClientGone when the connection
 * is closed or stuck; the bytes may be looked at still.
 */
function written({ res, watch }: Exchange, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (failure?: Error) => {
      watch.end(waiting);
      res.off('close', onClose);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const onClose = () => settle(new ClientGone());
    const waiting = { idle: () => settle(new ClientGone('the client stopped reading')) };
    watch.begin(waiting);
    res.once('close', onClose);
    res.write(bytes, (error) => settle(error == null ? undefined : new ClientGone()));
    if (res.destroyed) onClose();
  });
}
