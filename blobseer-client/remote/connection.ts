/**
 * A connection that carries one call at a time: the request goes out in one write, without delay, and
 * the answer is all that may come back. Whether it is encrypted is decided by the address that was reached.
 */
import { connect, type LookupFunction, type Socket } from 'node:net';
import { type Address, addressText, RemoteError } from './remote-error.ts';
import type { Security } from './security.ts';
import { type Frame, FrameDecoder, type FrameLimits } from './wire/frame.ts';

export interface Outgoing {
  /** For messages. */
  readonly callName: string;
  readonly number: number;
  readonly buffers: readonly Buffer[];
  readonly answerLimits: FrameLimits;
}

/** Counters that only rise, shared by all connections of a transport. */
export interface ConnectionCounters {
  connectionsOpened: number;
  bytesSent: number;
  bytesReceived: number;
}

export interface ConnectionOptions {
  /** Until the other end is reached, and known where it has to be. */
  readonly connectTimeoutMs: number;
  readonly lookup: LookupFunction;
  /** To be known by; without, the system chooses. */
  readonly localAddress: string | undefined;
  /** Without, everything is plain. */
  readonly security: Security | undefined;
}

interface UnderWay {
  readonly outgoing: Outgoing;
  readonly decoder: FrameDecoder;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: RemoteError) => void;
  hasAnswerBytes: boolean;
}

interface OpenSslError extends Error {
  readonly reason?: string;
}

/** Most answers fit. Buffers up to 4 KiB come from Node's pool. */
const receiveBytes = 4096;

export class Connection {
  readonly address: Address;
  /** When it was last done with a call; set by the transport. */
  idleSinceMs = 0;
  /** Whether the call that failed last got a byte of an answer. */
  hadAnswerBytes = false;
  readonly #tcp: Socket;
  readonly #counters: ConnectionCounters;
  /** What calls go over, once there is something: the TCP socket, or TLS over it. */
  #channel: Socket | undefined;
  #underWay: UnderWay | undefined;
  /** The buffer that is being received into is the item that the decoder has open. */
  #isInPlace = false;
  #connectTimer: NodeJS.Timeout | undefined;
  #error: Error | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #onClosedIdle: ((byServer: boolean) => void) | undefined;

  constructor(address: Address, counters: ConnectionCounters, options: ConnectionOptions) {
    this.address = address;
    this.#counters = counters;
    const { connectTimeoutMs, lookup, localAddress, security } = options;
    const { host, port } = address;
    this.#tcp = connect({
      host,
      port,
      noDelay: true,
      lookup,
      ...(localAddress !== undefined && { localAddress }),
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (bytes, buffer) => this.#take(bytes, buffer as Buffer),
      },
    });
    counters.connectionsOpened++;
    this.#connectTimer = setTimeout(
      () => this.#tcp.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    this.#tcp.once('connect', () => {
      const isPlain = security === undefined || security.isPlain(this.#tcp.remoteAddress);
      if (isPlain) this.#connected(this.#tcp);
      else this.#secure(security);
    });
    this.#tcp.on('error', (error) => this.#failed(error));
    this.#tcp.once('close', () => this.#closed());
  }

  /** Whether another call can go over it: the last one left nothing behind. */
  get isReusable(): boolean {
    const channel = this.#channel;
    return (
      channel !== undefined &&
      this.#underWay === undefined &&
      !channel.destroyed &&
      channel.readable &&
      channel.writable &&
      channel.writableLength === 0
    );
  }

  /** To somebody who may have got the request. */
  get isConnected(): boolean {
    return this.#channel !== undefined;
  }

  /** Waits for its next call for so long, and keeps no program running for that. */
  enterIdle(maxIdleMs: number, onClosed: (byServer: boolean) => void): void {
    this.#onClosedIdle = onClosed;
    this.#idleTimer = setTimeout(() => this.reset(), maxIdleMs).unref();
    this.#tcp.unref();
  }

  leaveIdle(): void {
    this.#onClosedIdle = undefined;
    clearTimeout(this.#idleTimer);
    this.#tcp.ref();
  }

  /** Sends a request and waits for its answer; rejects with RemoteError. */
  exchange(outgoing: Outgoing): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const { number, answerLimits } = outgoing;
      const decoder = new FrameDecoder((name) => {
        if (name !== number) throw new Error(`an answer to call ${name} instead of ${number}`);
        return answerLimits;
      });
      this.#underWay = { outgoing, decoder, resolve, reject, hasAnswerBytes: false };
      if (this.#channel !== undefined) this.#send(this.#channel, outgoing);
    });
  }

  /**
   * Ends it at once, by a reset: an orderly close would leave the port unusable for a minute, and
   * a busy client runs out of ports. The call under way, if any, fails.
   */
  reset(): void {
    clearTimeout(this.#connectTimer);
    this.#closedIdle(false);
    // Node loses a socket for good that is reset while its own end is on the way (libuv refuses: EINVAL).
    const isEnding = this.#tcp.writableEnded || this.#channel?.writableEnded === true;
    if (this.#tcp.connecting || isEnding) this.#tcp.destroy();
    else this.#tcp.resetAndDestroy();
  }

  #secure(security: Security): void {
    const secured = security.secure(this.#tcp);
    secured.on('error', (error: OpenSslError) => {
      // OpenSSL's own messages are a line of addresses and files around the reason.
      this.#failed(new Error(`TLS: ${error.reason ?? error.message}`, { cause: error }));
    });
    secured.on('data', (chunk: Buffer) => this.#take(chunk.length, chunk));
    secured.once('secureConnect', () => this.#connected(secured));
  }

  #connected(channel: Socket): void {
    clearTimeout(this.#connectTimer);
    this.#channel = channel;
    if (this.#underWay !== undefined) this.#send(channel, this.#underWay.outgoing);
  }

  #send(channel: Socket, { buffers }: Outgoing): void {
    // Corked, they leave in one system call.
    channel.cork();
    for (const buffer of buffers) {
      channel.write(buffer);
      this.#counters.bytesSent += buffer.length;
    }
    channel.uncork();
  }

  #failed(error: Error): void {
    this.#error ??= error;
  }

  /** Pages are received where they stay; all else in pieces that the decoder may keep slices of. */
  #nextBuffer(): Buffer {
    const place = this.#underWay?.decoder.openItem;
    this.#isInPlace = place !== undefined;
    return place ?? Buffer.allocUnsafe(receiveBytes);
  }

  /** Returns whether to go on reading. */
  #take(bytes: number, buffer: Buffer): boolean {
    this.#counters.bytesReceived += bytes;
    const underWay = this.#underWay;
    if (underWay === undefined) {
      // Nobody asked for these bytes; the next call would take them for its answer.
      this.reset();
      return false;
    }
    underWay.hasAnswerBytes = true;
    const { decoder } = underWay;
    try {
      const [frame, ...others] = this.#isInPlace
        ? decoder.advance(bytes)
        : decoder.push(buffer.subarray(0, bytes));
      if (frame === undefined) return true;
      if (others.length > 0 || !decoder.isIdle) throw new Error('more than an answer');
      this.#underWay = undefined;
      underWay.resolve(frame);
      return true;
    } catch (error) {
      this.#fail(
        underWay,
        new RemoteError('corrupt', `${this.#what(underWay)}: ${(error as Error).message}`, {
          mayHaveRun: true,
          cause: error,
        }),
      );
      this.reset();
      return false;
    }
  }

  #closed(): void {
    clearTimeout(this.#connectTimer);
    if (this.#underWay !== undefined) {
      const reason = this.#error?.message ?? 'the server closed the connection';
      this.#fail(
        this.#underWay,
        new RemoteError('unavailable', `${this.#what(this.#underWay)}: ${reason}`, {
          mayHaveRun: this.isConnected,
          cause: this.#error,
        }),
      );
    }
    this.#closedIdle(true);
  }

  #closedIdle(byServer: boolean): void {
    clearTimeout(this.#idleTimer);
    const onClosed = this.#onClosedIdle;
    this.#onClosedIdle = undefined;
    onClosed?.(byServer);
  }

  #fail(underWay: UnderWay, error: RemoteError): void {
    this.#underWay = undefined;
    this.hadAnswerBytes = underWay.hasAnswerBytes;
    underWay.reject(error);
  }

  #what({ outgoing }: UnderWay): string {
    return `${outgoing.callName} to ${addressText(this.address)}`;
  }
}
