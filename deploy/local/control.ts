/**
 * How commands speak to the supervisor of a deployment: one line of JSON each way over a socket in the
 * deployment's directory, which only its owner can open.
 */

import { once } from 'node:events';
import { chmodSync, closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { BlobSeerError, type BlobSeerErrorKind } from '../../blobseer-client/errors.ts';
import { layoutOf } from './layout.ts';
import type { DeploymentStatus } from './status.ts';

const privateSocket = 0o600;
const maxRequestBytes = 4096;
const maxAnswerBytes = 16 * 2 ** 20;
/** Who connects says something at once. */
const requestTimeoutMs = 10_000;

export type ControlRequest =
  | { readonly action: 'status' }
  | { readonly action: 'restart'; readonly member: string }
  /** Stops all members, then answers, then ends the supervisor. */
  | { readonly action: 'stop' };

export type ControlHandler = (request: ControlRequest) => Promise<DeploymentStatus>;

type ControlAnswer =
  | { readonly status: DeploymentStatus }
  | { readonly error: { readonly kind: BlobSeerErrorKind; readonly message: string } };

/**
 * The address of a socket has room for 107 bytes, which is less than paths may have: it is told by a
 * descriptor of its directory, to be closed when the address is not needed any more.
 */
function socketIn(directory: string): { readonly address: string; readonly close: () => void } {
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return {
    address: `/proc/self/fd/${descriptor}/${path.basename(layoutOf(directory).control)}`,
    close: () => closeSync(descriptor),
  };
}

/** Whoever calls it holds the lock of the directory: a socket that is there is of one who died. */
export async function serveControl(directory: string, handle: ControlHandler): Promise<Server> {
  const file = layoutOf(directory).control;
  rmSync(file, { force: true });
  const socket = socketIn(directory);
  const server = createServer((connection) => void converse(connection, handle));
  // Closing removes the socket by its address.
  server.once('close', socket.close);
  server.listen(socket.address);
  await once(server, 'listening');
  chmodSync(file, privateSocket);
  return server;
}

async function converse(socket: Socket, handle: ControlHandler): Promise<void> {
  socket.on('error', () => undefined);
  socket.setTimeout(requestTimeoutMs, () => socket.destroy());
  try {
    const line = await readLine(socket, maxRequestBytes);
    if (line === undefined) return;
    socket.setTimeout(0);
    socket.end(`${JSON.stringify(await answerTo(line, handle))}\n`);
  } catch {
    socket.destroy();
  }
}

async function answerTo(line: string, handle: ControlHandler): Promise<ControlAnswer> {
  try {
    return { status: await handle(JSON.parse(line) as ControlRequest) };
  } catch (error) {
    const { message } = error as Error;
    const kind = error instanceof BlobSeerError ? error.kind : 'unavailable';
    return { error: { kind, message } };
  }
}

/** Undefined where no supervisor listens. Throws what it threw, and `unavailable` for no answer in time. */
export async function askSupervisor(
  directory: string,
  request: ControlRequest,
  timeoutMs: number,
): Promise<DeploymentStatus | undefined> {
  if (!existsSync(layoutOf(directory).control)) return undefined;
  const { address, close } = socketIn(directory);
  const socket = connect(address);
  close();
  const timer = setTimeout(
    () => socket.destroy(silent(`no answer within ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    await once(socket, 'connect');
    socket.write(`${JSON.stringify(request)}\n`);
    const line = await readLine(socket, maxAnswerBytes);
    if (line === undefined) throw silent('it ended');
    const answer = JSON.parse(line) as ControlAnswer;
    if ('error' in answer) throw new BlobSeerError(answer.error.kind, answer.error.message);
    return answer.status;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ECONNREFUSED' || code === 'ENOENT') return undefined;
    if (error instanceof BlobSeerError) throw error;
    throw silent((error as Error).message);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** Undefined when the other side ended before its line did. */
function readLine(socket: Socket, maxBytes: number): Promise<string | undefined> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    const take = (piece: Buffer): void => {
      const end = piece.indexOf('\n');
      pieces.push(end === -1 ? piece : piece.subarray(0, end));
      bytes += piece.length;
      if (bytes > maxBytes) reject(new BlobSeerError('invalid-argument', 'the line is too long'));
      else if (end !== -1) resolve(Buffer.concat(pieces).toString());
      else return;
      socket.off('data', take);
    };
    socket.on('data', take);
    socket.once('error', reject);
    socket.once('close', () => resolve(undefined));
    socket.once('end', () => resolve(undefined));
  });
}

const silent = (why: string): BlobSeerError =>
  new BlobSeerError('unavailable', `the supervisor does not answer: ${why}`);
