/**
 * The listeners: node:http and node:https with their traps disarmed (each is said where it is set),
 * and a close that drains. What the parser refuses before there is a request is answered here, as
 * XML with a request id like every other error.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { bind } from './bind.ts';
import { ConfigError, type ListenAddress, type TlsPair } from './config.ts';
import type { Limits } from './limits.ts';
import {
  type ClientErrorParts,
  clientErrorListener,
  methodRefused,
} from './pipeline/client-error.ts';

/** Socket reads of this size: Node's default of 16 KiB costs a third of the upload speed. */
export const socketReadBytes = 64 * 1024;

/**
 * What a TLS socket may have to write before Node stops reading from it: more than any answer writes at once. Node
 * pauses the parser of a socket with more (16 KiB, and there is no option for it), but TLS goes on to hand
 * it what was deciphered already, and a paused parser takes that for an error: of the requests that came on a
 * kept connection while the end of the answer before was on its way, one in a hundred was refused as BadRequest.
 */
const tlsWriteBytes = 16 * 1024 * 1024;

/** How often idle connections are looked for while the listeners close. */
const idleSweepMs = 50;

export interface ListenerParts extends ClientErrorParts {
  readonly handle: RequestListener;
  readonly limits: Limits;
}

export interface Listener {
  /** As it is served: the port is the one taken where 0 was asked for. */
  readonly url: string;
  /** Stops accepting at once; resolves when running requests are answered, or cut after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

export async function listen(
  address: ListenAddress,
  tls: readonly TlsPair[],
  parts: ListenerParts,
): Promise<Listener> {
  const server = createServer(address, tls, parts);
  const sockets = socketsOf(server);
  return {
    url: await bind(server, address, parts.log),
    close: (drainMs) => drained(server, sockets, drainMs, (done) => server.close(() => done())),
  };
}

/** A server that is given its connections, since somebody else accepts them. */
export interface HandedServer {
  take(socket: Socket): void;
  /** To be given no more; resolves when running requests are answered, or cut after `drainMs`. */
  close(drainMs: number): Promise<void>;
}

/** `onClosed` is told of each connection that is no more. */
export function serveHanded(
  address: ListenAddress,
  tls: readonly TlsPair[],
  parts: ListenerParts,
  onClosed: () => void,
): HandedServer {
  const server = createServer(address, tls, parts);
  const sockets = socketsOf(server);
  let onNone: () => void = () => undefined;
  // Node begins to watch the time that heads take, and which connections are idle, when a server listens.
  server.emit('listening');
  return {
    take(socket) {
      // As Node's servers have their own.
      socket.setNoDelay(true);
      socket.allowHalfOpen = !address.secure;
      server.emit('connection', socket);
      socket.once('close', () => {
        onClosed();
        if (sockets.size === 0) onNone();
      });
    },
    close: (drainMs) =>
      drained(server, sockets, drainMs, (done) => {
        onNone = done;
        server.close();
        if (sockets.size === 0) done();
      }),
  };
}

function createServer(
  address: ListenAddress,
  tls: readonly TlsPair[],
  parts: ListenerParts,
): Server {
  const { limits, handle } = parts;
  const options = {
    // It covers the whole body and would kill live uploads; the body has a progress timer instead.
    requestTimeout: 0,
    headersTimeout: limits.headersTimeoutMs,
    // Node's 5 s race the pools of SDKs, which reuse a connection at the moment it is closed.
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    maxHeaderSize: limits.maxHeaderBytes,
    // A missing Host is answered by pipeline/screen.ts, with a request id.
    requireHostHeader: false,
    noDelay: true,
    highWaterMark: socketReadBytes,
  };
  const server: Server = address.secure
    ? createHttpsServer({ ...options, ...tlsOptions(tls) }, handle)
    : createHttpServer(options, handle);
  server.on('secureConnection', raiseWriteMark);
  // Headers above this count are dropped silently: one more than allowed shows that there were more.
  server.maxHeadersCount = limits.maxHeaderCount + 1;
  // Otherwise Node answers 100 before anybody looked at the request, and 417 to other expectations.
  server.on('checkContinue', handle);
  server.on('checkExpectation', handle);
  const refuse = clientErrorListener(parts);
  server.on('clientError', refuse);
  // Without a listener Node closes the connection of a CONNECT without a word.
  server.on('connect', (_req, socket) => refuse(methodRefused, socket));
  return server;
}

/** Only the mark of writing: requests have as much room for what they read as the other one says. */
function raiseWriteMark(socket: Socket): void {
  const state = (socket as unknown as { _writableState: { highWaterMark: number } })._writableState;
  state.highWaterMark = tlsWriteBytes;
}

interface Certificate {
  readonly x509: X509Certificate;
  readonly context: SecureContext;
}

/** The certificate whose names cover the server name asked for; the first one for all others. */
function tlsOptions(pairs: readonly TlsPair[]) {
  const certificates = pairs.map(readCertificate);
  const first = pairs[0];
  if (first === undefined) throw new ConfigError('https needs tls-cert and tls-key');
  return {
    cert: readFileSync(first.certFile),
    key: readFileSync(first.keyFile),
    SNICallback(name: string, done: (error: Error | null, context?: SecureContext) => void) {
      const covering = certificates.find(({ x509 }) => x509.checkHost(name) !== undefined);
      done(null, (covering ?? certificates[0])?.context);
    },
  };
}

function readCertificate({ certFile, keyFile }: TlsPair): Certificate {
  try {
    const cert = readFileSync(certFile);
    const key = readFileSync(keyFile);
    return { x509: new X509Certificate(cert), context: createSecureContext({ cert, key }) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`tls-cert ${certFile} with tls-key ${keyFile}: ${reason}`);
  }
}

/** The connections that are open, those among them that are not HTTP yet. */
function socketsOf(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function drained(
  server: Server,
  sockets: ReadonlySet<Socket>,
  drainMs: number,
  close: (done: () => void) => void,
): Promise<void> {
  // Node leaves a connection open that becomes idle after close() began.
  const sweep = setInterval(() => server.closeIdleConnections(), idleSweepMs);
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, drainMs);
  try {
    await new Promise<void>(close);
  } finally {
    clearInterval(sweep);
    clearTimeout(cut);
  }
}
