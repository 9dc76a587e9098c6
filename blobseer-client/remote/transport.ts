/**
 * Calls to BlobSeer's programs over TCP: bounded in number, each with a deadline, abortable.
 *
 * Connections are kept, one call on each at a time. But the original's servers hold small answers back for some 40 ms on every connection that carried a
 * call before (Nagle's algorithm on their side meets our delayed acknowledgements). So a call to them whose
 * answer carries a result gets a connection of its own, which ends by a reset, as long as nobody knows
 * that there is an entity of ours, which has no such delay. A server cuts a connection 30 s after its last answer, be it
 * idle or busy, so a kept one is used only while the call's deadline lies before that.
 */
import { setMaxListeners } from 'node:events';
import {
  Connection,
  type ConnectionCounters,
  type ConnectionOptions,
  type Outgoing,
} from './connection.ts';
import { Discovery } from './discovery.ts';
import { rememberingLookup } from './host-lookup.ts';
import { type Address, addressText, errorOfStatus, RemoteError } from './remote-error.ts';
import type { Security } from './security.ts';
import { defaultArchiveVersion } from './wire/archive.ts';
import { encodeRequest, type Frame, type Pieces } from './wire/frame.ts';
import { type Call, status } from './wire/messages.ts';

export interface TransportOptions {
  /** Calls under way at once, over all hosts. */
  readonly maxConnections?: number;
  /** To one host and port, so that one that does not answer leaves room for the others. */
  readonly maxConnectionsPerHost?: number;
  /** Calls that wait for a connection; more fail at once. */
  readonly maxWaiting?: number;
  /** Of a call, from asking to answer, waiting included. Over 29 s, no connection is kept for it. */
  readonly deadlineMs?: number;
  readonly connectTimeoutMs?: number;
  /** A kept connection is closed after that long without a call. */
  readonly maxIdleMs?: number;
  /** Version of Boost's archives: part of every metadata key, hence the same for all clients. */
  readonly archiveVersion?: number;
  /** What connections come from, where others go by that; without, the system chooses. */
  readonly localAddress?: string | undefined;
  /** Whom to speak to by TLS; without, everything is plain. */
  readonly security?: Security | undefined;
  /** A clock that only rises. */
  readonly nowMs?: () => number;
}

const defaults = {
  maxConnections: 128,
  maxConnectionsPerHost: 32,
  maxWaiting: 8192,
  /** What the C++ client gives a call. */
  deadlineMs: 15_000,
  connectTimeoutMs: 3000,
  maxIdleMs: 10_000,
};
/** The original's servers cut a connection so long after the last answer on it (or its accept). */
const serverTimeoutMs = 30_000;
/** Clocks and schedules are not exact. */
const serverTimeoutMarginMs = 1000;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
}

/** Of calls; the questions which hosts are entities are not counted. */
export interface TransportMetrics extends Readonly<ConnectionCounters> {
  readonly requests: number;
  /** Calls that got no answer, or one that made no sense. */
  readonly errors: number;
  /** Calls over a connection that had served before. */
  readonly connectionsReused: number;
  /** Calls made again because the kept connection they went over had gone. */
  readonly repeated: number;
  /** At this moment. */
  readonly active: number;
  readonly waiting: number;
  readonly idle: number;
}

interface Task {
  readonly outgoing: Outgoing;
  readonly host: Host;
  readonly isResultless: boolean;
  readonly isRepeatable: boolean;
  readonly deadlineAtMs: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: unknown) => void;
  connection: Connection | undefined;
  isSettled: boolean;
}

interface Host {
  readonly address: Address;
  readonly waiting: Set<Task>;
  /** Kept connections, the one used last at the end. */
  readonly idle: Connection[];
  active: number;
}

export class Transport {
  readonly archiveVersion: number;
  readonly #settings: typeof defaults;
  readonly #nowMs: () => number;
  readonly #connecting: ConnectionOptions;
  readonly #discovery: Discovery;
  readonly #hosts = new Map<string, Host>();
  readonly #tasks = new Set<Task>();
  #active = 0;
  #waiting = 0;
  #isClosed = false;
  readonly #counters = {
    requests: 0,
    errors: 0,
    connectionsOpened: 0,
    connectionsReused: 0,
    repeated: 0,
    bytesSent: 0,
    bytesReceived: 0,
  };

  constructor(options: TransportOptions = {}) {
    const { archiveVersion, localAddress, security, nowMs, ...settings } = options;
    this.archiveVersion = archiveVersion ?? defaultArchiveVersion;
    this.#nowMs = nowMs ?? (() => performance.now());
    this.#settings = { ...defaults, ...settings };
    const { connectTimeoutMs } = this.#settings;
    const lookup = rememberingLookup(this.#nowMs);
    this.#connecting = { connectTimeoutMs, lookup, localAddress, security };
    const uncounted = { connectionsOpened: 0, bytesSent: 0, bytesReceived: 0 };
    this.#discovery = new Discovery({
      open: (address) => this.#open(address, uncounted),
      deadlineMs: this.#settings.deadlineMs,
    });
  }

  get metrics(): TransportMetrics {
    let idle = 0;
    for (const host of this.#hosts.values()) idle += host.idle.length;
    return { ...this.#counters, active: this.#active, waiting: this.#waiting, idle };
  }

  /**
   * Makes a call. Rejects with RemoteError; with `invalid-argument` before anything is sent when the
   * request must not be sent; with the signal's reason when aborted.
   */
  async call<Request, Answer>(
    address: Address,
    call: Call<Request, Answer, Request, Uint8Array | Pieces>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Answer> {
    call.check(request);
    const outgoing = {
      callName: call.name,
      number: call.number,
      buffers: encodeRequest(call.number, call.encodeRequest(request, this.archiveVersion)),
      answerLimits: call.answerLimits(request),
    };
    const frame = await this.#exchange(address, outgoing, call, options);
    const isAnswer =
      frame.status === status.ok || (frame.status === status.unknown && call.findsSome);
    if (!isAnswer) throw errorOfStatus(frame.status, call.name, address);
    try {
      return call.decodeAnswer(frame.items, request);
    } catch (error) {
      this.#counters.errors++;
      const what = `${call.name} to ${addressText(address)}: ${(error as Error).message}`;
      throw new RemoteError('corrupt', what, { mayHaveRun: true, cause: error });
    }
  }

  /**
   * Whether an entity of ours is there, which has calls that the original's programs have not. The
   * host is asked once. Rejects with RemoteError where it cannot be asked.
   */
  isEntity(address: Address): Promise<boolean> {
    return this.#discovery.isEntity(address);
  }

  /** Ends all connections; calls under way and later ones fail. */
  close(): void {
    this.#isClosed = true;
    this.#discovery.close();
    for (const task of [...this.#tasks]) {
      this.#settle(
        task,
        this.#failure(task.outgoing, task.host.address, 'the client is closed', task),
      );
    }
    for (const host of [...this.#hosts.values()]) {
      for (const connection of [...host.idle]) connection.reset();
    }
  }

  #exchange(
    address: Address,
    outgoing: Outgoing,
    kind: { readonly isResultless: boolean; readonly isRepeatable: boolean },
    { signal, deadlineMs = this.#settings.deadlineMs }: CallOptions,
  ): Promise<Frame> {
    this.#counters.requests++;
    signal?.throwIfAborted();
    if (this.#isClosed || this.#waiting >= this.#settings.maxWaiting) {
      this.#counters.errors++;
      const why = this.#isClosed ? 'the client is closed' : 'too many calls wait';
      throw this.#failure(outgoing, address, why);
    }
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#settle(task, signal?.reason);
      const onDeadline = () =>
        this.#settle(task, this.#failure(outgoing, address, `none within ${deadlineMs} ms`, task));
      const timer = setTimeout(onDeadline, deadlineMs);
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const task: Task = {
        outgoing,
        host: this.#hostOf(address),
        isResultless: kind.isResultless,
        isRepeatable: kind.isRepeatable,
        deadlineAtMs: this.#nowMs() + deadlineMs,
        resolve: (frame) => {
          done();
          resolve(frame);
        },
        reject: (error) => {
          done();
          reject(error);
        },
        connection: undefined,
        isSettled: false,
      };
      if (signal !== undefined) {
        // Many calls of one request wait on one signal: Node takes more than ten for a leak.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.#tasks.add(task);
      task.host.waiting.add(task);
      this.#waiting++;
      this.#startWaiting();
    });
  }

  #failure(outgoing: Outgoing, address: Address, why: string, task?: Task): RemoteError {
    const message = `no answer to ${outgoing.callName} from ${addressText(address)}: ${why}`;
    const mayHaveRun = task?.connection?.isConnected ?? false;
    return new RemoteError('unavailable', message, { mayHaveRun });
  }

  #hostOf(address: Address): Host {
    const name = addressText(address);
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host: Host = { address, waiting: new Set(), idle: [], active: 0 };
    this.#hosts.set(name, host);
    return host;
  }

  /** As long as there is room; a host that had its turn goes to the end of the line. */
  #startWaiting(): void {
    const { maxConnections, maxConnectionsPerHost } = this.#settings;
    for (const [name, host] of this.#hosts) {
      if (this.#active >= maxConnections || this.#waiting === 0) return;
      const [task] = host.waiting;
      if (task === undefined || host.active >= maxConnectionsPerHost) continue;
      // Put back behind all others, it is also met again by this loop.
      this.#hosts.delete(name);
      this.#hosts.set(name, host);
      host.waiting.delete(task);
      this.#waiting--;
      host.active++;
      this.#active++;
      void this.#run(task);
    }
  }

  /** From taking a connection to settling the task; holds its place among the active ones. */
  async #run(task: Task): Promise<void> {
    const { address } = task.host;
    const kept = this.#isKeeping(task) ? this.#takeIdle(task) : undefined;
    if (kept !== undefined) this.#counters.connectionsReused++;
    try {
      const first = kept ?? this.#open(address, this.#counters);
      task.connection = first;
      let frame: Frame;
      try {
        frame = await first.exchange(task.outgoing);
      } catch (error) {
        // The server may have closed a kept connection just when the request was on its way.
        const isLost = kept !== undefined && !first.hadAnswerBytes && task.isRepeatable;
        if (!isLost || task.isSettled) throw error;
        this.#counters.repeated++;
        task.connection = this.#open(address, this.#counters);
        frame = await task.connection.exchange(task.outgoing);
      }
      this.#settle(task, undefined, frame);
      this.#discover(address);
    } catch (error) {
      const isReached = task.connection?.isConnected ?? false;
      if (!isReached && !task.isSettled) this.#discovery.forget(address);
      this.#settle(task, error);
    } finally {
      this.#release(task);
    }
  }

  #isKeeping({ host, isResultless }: Task): boolean {
    return isResultless || this.#discovery.known(host.address) === true;
  }

  /** Of hosts that answer, while calls go on. */
  #discover(address: Address): void {
    if (this.#isClosed || this.#discovery.known(address) !== undefined) return;
    this.#discovery.isEntity(address).catch(() => undefined);
  }

  #open(address: Address, counters: ConnectionCounters): Connection {
    try {
      return new Connection(address, counters, this.#connecting);
    } catch (cause) {
      const message = `no connection to ${addressText(address)}: ${(cause as Error).message}`;
      throw new RemoteError('unavailable', message, { mayHaveRun: false, cause });
    }
  }

  /** A kept connection that the server will not cut before the call's deadline. */
  #takeIdle({ host, deadlineAtMs }: Task): Connection | undefined {
    for (;;) {
      const connection = host.idle.pop();
      if (connection === undefined) return undefined;
      connection.leaveIdle();
      const cutAtMs = connection.idleSinceMs + serverTimeoutMs - serverTimeoutMarginMs;
      if (connection.isReusable && deadlineAtMs <= cutAtMs) return connection;
      connection.reset();
    }
  }

  #release(task: Task): void {
    const { host, connection } = task;
    host.active--;
    this.#active--;
    if (this.#isKeeping(task) && connection?.isReusable && !this.#isClosed) {
      connection.idleSinceMs = this.#nowMs();
      host.idle.push(connection);
      connection.enterIdle(this.#settings.maxIdleMs, (byServer) => {
        host.idle.splice(host.idle.indexOf(connection), 1);
        if (byServer) this.#discovery.forget(host.address);
        this.#forget(host);
      });
    } else {
      connection?.reset();
    }
    this.#forget(host);
    this.#startWaiting();
  }

  /** A host that nothing concerns any more. */
  #forget(host: Host): void {
    if (host.active === 0 && host.waiting.size === 0 && host.idle.length === 0) {
      this.#hosts.delete(addressText(host.address));
    }
  }

  #settle(task: Task, error: unknown, frame?: Frame): void {
    if (task.isSettled) return;
    task.isSettled = true;
    this.#tasks.delete(task);
    if (frame !== undefined) {
      task.resolve(frame);
      return;
    }
    this.#counters.errors++;
    if (task.host.waiting.delete(task)) {
      this.#waiting--;
      this.#forget(task.host);
    }
    task.reject(error);
    task.connection?.reset();
  }
}
