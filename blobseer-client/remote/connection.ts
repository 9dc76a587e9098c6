/**
 * A TCP connection that carries one call at a time: the request goes out in one write, without delay,
 * and the answer is all that may come back.
 */
import { connect, type LookupFunction, type Socket } from 'node:net';
import { type Address, addressText, RemoteError } from './remote-error.ts';
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

interface UnderWay {
  readonly outgoing: Outgoing;
  readonly decoder: FrameDecoder;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: RemoteError) => void;
  hasAnswerBytes: boolean;
}

/** Most answers fit. Buffers up to 4 KiB come from Node's pool. */
const receiveBytes = 4096;

export class Connection {
  readonly address: Address;
  /** When it was last done with a call; set by the transport. */
  idleSinceMs = 0;
  /** Whether the call that failed last got a byte of an answer. */
  hadAnswerBytes = false;
  readonly #socket: Socket;
  readonly #counters: ConnectionCounters;
  #underWay: UnderWay | undefined;
  #isConnected = false;
  /** The buffer that is being received into is the item that the decoder has open. */
  #isInPlace = false;
  #connectTimer: NodeJS.Timeout | undefined;
  #error: Error | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #onClosedIdle: ((byServer: boolean) => void) | undefined;

  constructor(
    address: Address,
    counters: ConnectionCounters,
    options: { readonly connectTimeoutMs: number; readonly lookup: LookupFunction },
  ) {
    this.address = address;
    this.#counters = counters;
    const { host, port } = address;
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      lookup: options.lookup,
      onread: {
        buffer: () => this.#nextBuffer(),
        callback: (bytes, buffer) => this.#take(bytes, buffer as Buffer),
      },
    });
    counters.connectionsOpened++;
    this.#connectTimer = setTimeout(
      () => this.#socket.destroy(new Error(`no connection within ${options.connectTimeoutMs} ms`)),
      options.connectTimeoutMs,
    );
    this.#socket.once('connect', () => {
      this.#isConnected = true;
      clearTimeout(this.#connectTimer);
    });
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.once('close', () => this.#closed());
  }

  /** Whether another call can go over it: the last one left nothing behind. */
  get isReusable(): boolean {
    return (
      this.#underWay === undefined &&
      !this.#socket.destroyed &&
      this.#socket.readable &&
      this.#socket.writable &&
      this.#socket.writableLength === 0
    );
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Waits for its next call for so long, and keeps no program running for that. */
  enterIdle(maxIdleMs: number, onClosed: (byServer: boolean) => void): void {
    this.#onClosedIdle = onClosed;
    this.#idleTimer = setTimeout(() => this.reset(), maxIdleMs).unref();
    this.#socket.unref();
  }

  leaveIdle(): void {
    this.#onClosedIdle = undefined;
    clearTimeout(this.#idleTimer);
    this.#socket.ref();
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
      // Corked, they leave in one system call, also when the connection is still being made.
      this.#socket.cork();
      for (const buffer of outgoing.buffers) {
        this.#socket.write(buffer);
        this.#counters.bytesSent += buffer.length;
      }
      this.#socket.uncork();
    });
  }

  /**
   * Ends it at once, by a reset: an orderly close would leave the port unusable for a minute, and
   * a busy client runs out of ports. The call under way, if any, fails.
   */
  reset(): void {
    clearTimeout(this.#connectTimer);
    this.#closedIdle(false);
    if (this.#isConnected) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
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
          mayHaveRun: this.#isConnected,
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
