/** A server of BlobSeer's RPC: bounded in connections, memory and time, whatever is sent to it. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { Security } from '../../blobseer-client/remote/security.ts';
import { Admission } from './admission.ts';
import { type ConnectionParts, ServedConnection } from './connection.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { EntityLog, Method, Peer } from './method.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly methods: readonly Method[];
  readonly memory: MemoryBudget;
  readonly log: EntityLog;
  /** Without, everybody is served in plain. */
  readonly security?: Security | undefined;
  readonly maxConnections?: number;
  readonly exchangeTimeoutMs?: number;
  readonly handshakeTimeoutMs?: number;
  readonly stallTimeoutMs?: number;
}

/** A C++ client opens up to 32 at once, most of them to a few data providers: room for 250 clients. */
const defaultMaxConnections = 8192;
/** Those that come at once and are not accepted yet: one that finds no place tries again after a second. */
const backlog = 4096;
/** The original cuts its connections after as long; clients count on having it. */
const defaultExchangeTimeoutMs = 30_000;
const defaultHandshakeTimeoutMs = 10_000;
/** Those who wait have 15 s if they are C++ clients. */
const defaultStallTimeoutMs = 2000;
/** Whoever sends garbage must not fill the log: one line in that time says how many there were. */
const complaintIntervalMs = 1000;

export class RpcServer {
  readonly #server: Server;
  readonly #connections = new Set<ServedConnection>();
  readonly #log: EntityLog;
  readonly #parts: ConnectionParts;
  readonly #admission: Admission | undefined;
  readonly #numbers = { requests: 0, failures: 0, refusals: 0 };
  #isClosing = false;
  #suppressed = 0;
  #complaintTimer: NodeJS.Timeout | undefined;

  private constructor(options: ServerOptions) {
    this.#log = options.log;
    this.#parts = {
      methods: new Map(options.methods.map((method) => [method.number, method])),
      memory: options.memory,
      exchangeTimeoutMs: options.exchangeTimeoutMs ?? defaultExchangeTimeoutMs,
      stallTimeoutMs: options.stallTimeoutMs ?? defaultStallTimeoutMs,
      onMemoryExceeded: () => this.#evict(),
      onRequest: () => {
        this.#numbers.requests++;
      },
      onRefused: (peer, reason) => this.#complain(peer, reason),
      onFailed: (peer, call, err) => {
        this.#numbers.failures++;
        this.#log.error({ peer, call, err }, 'a call failed');
      },
      onClosed: (connection) => this.#connections.delete(connection),
    };
    const { security, handshakeTimeoutMs = defaultHandshakeTimeoutMs } = options;
    if (security !== undefined) {
      this.#admission = new Admission({
        security,
        handshakeTimeoutMs,
        silenceTimeoutMs: this.#parts.exchangeTimeoutMs,
        onAdmitted: (socket, peer) => this.#serve(socket, peer),
        onRefused: (peer, reason) => this.#complain(peer, reason),
      });
    }
    // A client may close its side and still wait for the answer.
    const settings = { allowHalfOpen: true, noDelay: true };
    this.#server = createServer(settings, (socket) => this.#accept(socket));
    const maxConnections = options.maxConnections ?? defaultMaxConnections;
    this.#server.maxConnections = maxConnections;
    this.#server.on('drop', ({ remoteAddress = '', remotePort = 0 } = {}) => {
      const peer = { host: plainHost(remoteAddress), port: remotePort };
      this.#complain(peer, `${maxConnections} connections are open already`);
    });
  }

  static async listen(options: ServerOptions): Promise<RpcServer> {
    const server = new RpcServer(options);
    server.#server.listen({ port: options.port, host: options.host, backlog });
    await once(server.#server, 'listening');
    server.#server.on('error', (err) => server.#log.error({ err }, 'the listener failed'));
    return server;
  }

  get port(): number {
    return this.#bound.port;
  }

  /** What it listens on; undefined for every address of the machine. */
  get address(): string | undefined {
    const { address } = this.#bound;
    return address === '0.0.0.0' || address === '::' ? undefined : address;
  }

  get #bound(): AddressInfo {
    return this.#server.address() as AddressInfo;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Connections at this moment; requests, those that failed here, and refused connections so far. */
  get numbers() {
    return { connections: this.connections, ...this.#numbers };
  }

  /** Takes no more requests; resolves when those that were begun are answered, or cut after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#admission?.close();
    // What has arrived was asked: one whole turn of the event loop reads it.
    for (let turn = 0; turn < 2; turn++) await setImmediate();
    for (const connection of this.#connections) connection.drain();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy();
    }, drainMs);
    await closed;
    clearTimeout(timer);
    clearTimeout(this.#complaintTimer);
  }

  #accept(socket: Socket): void {
    if (this.#isClosing) {
      socket.destroy();
      return;
    }
    const peer = { host: plainHost(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 };
    if (this.#admission === undefined) this.#serve(socket, peer);
    else this.#admission.take(socket, peer);
  }

  #serve(socket: Socket, peer: Peer): void {
    this.#connections.add(new ServedConnection(socket, peer, this.#parts));
  }

  /** Memory goes to those who finish: the oldest connection with a request half there that waits has to go. */
  #evict(): void {
    for (const connection of this.#connections) {
      if (connection.unfinishedBytes === 0 || connection.hasTurn) continue;
      connection.evict();
      return;
    }
  }

  #complain(peer: Peer, reason: string): void {
    this.#numbers.refusals++;
    if (this.#complaintTimer !== undefined) {
      this.#suppressed++;
      return;
    }
    this.#log.warn({ peer, reason }, 'a connection was refused');
    this.#complaintTimer = setTimeout(() => {
      this.#complaintTimer = undefined;
      if (this.#suppressed === 0) return;
      this.#log.warn({ connections: this.#suppressed }, 'more connections were refused');
      this.#suppressed = 0;
    }, complaintIntervalMs);
    this.#complaintTimer.unref();
  }
}

/** An IPv4 address as such, where it comes as one of IPv6. */
const plainHost = (address: string): string => address.replace(/^::ffff:/, '');
