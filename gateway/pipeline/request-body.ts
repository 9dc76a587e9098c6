/**
 * The socket side of a request's body: pieces as they arrive, with backpressure, and watched
 * only while the client owes the next byte, so that slow but living uploads go on for ever and
 * dead ones do not. What nobody read can be drained within bounds, so that an early answer arrives.
 *
 * Node's own async iterator of a request is not used: leaving it destroys the socket, and with it
 * the answer that says why.
 */
import type { IncomingMessage } from 'node:http';
import { countReceived } from '../../blobseer-client/index.ts';
import { S3Error } from '../s3/errors.ts';
import type { ClientWatch, Waiting } from './client-watch.ts';

/**
 * After so many bytes of one body the others have their turn: Node reads a socket on and on while bytes are there,
 * two megabytes at a time, and all that waits for the thread would wait for that. Bodies that advance side by side
 * are also digested side by side (s3/md5-lanes.ts).
 */
const turnBytes = 64 * 1024;

export interface RequestBodyLimits {
  /** Bytes that may wait here before the socket is paused. */
  readonly bodyQueueBytes: number;
}

/** Its own iterator: one reader, which may stop and go on. */
export class RequestBody implements AsyncIterableIterator<Buffer, undefined>, Waiting {
  readonly #req: IncomingMessage;
  readonly #limits: RequestBodyLimits;
  readonly #watch: ClientWatch;
  /** Content-Length; undefined where the length is not said. */
  readonly #announced: number | undefined;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #isListening = false;
  #hasEnded = false;
  #failure: Error | undefined;
  #isIdle = false;
  #wake: (() => void) | undefined;
  /** Since the others had their turn. */
  #turnBytes = 0;
  #isOthersTurn = false;
  /** Bytes that arrived, framing included. */
  bytesIn = 0;
  /** Called once, when somebody wants the first byte: the time to say 100 Continue. */
  onFirstRead: (() => void) | undefined;

  constructor(req: IncomingMessage, limits: RequestBodyLimits, watch: ClientWatch) {
    this.#req = req;
    this.#limits = limits;
    this.#watch = watch;
    const length = req.headers['content-length'];
    this.#announced = length === undefined ? undefined : Number(length);
  }

  /** True when the head announced a body, an empty one included. */
  get isAnnounced(): boolean {
    return this.#announced !== undefined || this.#req.headers['transfer-encoding'] !== undefined;
  }

  /** Content-Length; 0 where the length is not said. */
  get announcedBytes(): number {
    return this.#announced ?? 0;
  }

  /** True while bytes of the body may still come. */
  get isPending(): boolean {
    return this.isAnnounced && !this.#hasEnded && !this.#req.complete;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /**
   * Throws S3Error RequestTimeout when no byte arrives for too long, and IncompleteBody when the
   * connection ends before the body does.
   */
  async next(): Promise<IteratorResult<Buffer, undefined>> {
    this.#sayFirstRead();
    this.#listen();
    for (;;) {
      const piece = this.#queue.shift();
      if (piece !== undefined) {
        this.#queuedBytes -= piece.length;
        return { done: false, value: piece };
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#hasEnded) return { done: true, value: undefined };
      this.#resume();
      this.#watch.begin(this);
      await this.#nextEvent();
      this.#watch.end(this);
      if (this.#isIdle) throw new S3Error('RequestTimeout');
    }
  }

  idle(): void {
    this.#isIdle = true;
    this.#wake?.();
  }

  #sayFirstRead(): void {
    const say = this.onFirstRead;
    if (say === undefined) return;
    this.onFirstRead = undefined;
    say();
  }

  /** Ends the body with an error that something else found: the parser, say. */
  fail(failure: Error): void {
    if (this.#hasEnded) return;
    this.#failure ??= failure;
    this.#wake?.();
  }

  /** Reads and forgets what is left, until its end or a bound. True when the end was reached. */
  async drain(maxBytes: number, timeoutMs: number): Promise<boolean> {
    this.#listen();
    const stopAt = this.bytesIn + maxBytes;
    let isTimeLeft = true;
    const timer = setTimeout(() => {
      isTimeLeft = false;
      this.#wake?.();
    }, timeoutMs);
    try {
      for (;;) {
        this.#queue = [];
        this.#queuedBytes = 0;
        if (this.#hasEnded) return true;
        if (!isTimeLeft || this.#failure !== undefined || this.bytesIn >= stopAt) return false;
        this.#resume();
        await this.#nextEvent();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    const req = this.#req;
    req.on('data', (piece: Buffer) => {
      this.bytesIn += piece.length;
      countReceived(piece.length);
      this.#queue.push(piece);
      this.#queuedBytes += piece.length;
      // Known before Node says so, which is an event and a wait later. Nobody would resume it then.
      if (this.bytesIn === this.#announced) this.#hasEnded = true;
      else {
        if (this.#queuedBytes >= this.#limits.bodyQueueBytes) req.pause();
        this.#turnBytes += piece.length;
        if (this.#turnBytes >= turnBytes && !this.#isOthersTurn) this.#giveTurn();
      }
      this.#wake?.();
    });
    // Not `once`: what takes a listener away makes a slow object of the others.
    req.on('end', () => {
      this.#hasEnded = true;
      this.#wake?.();
    });
    const broken = (cause?: Error) => {
      // Every request closes: an error is made only for those that broke off.
      if (!this.#hasEnded) this.fail(new S3Error('IncompleteBody', { cause }));
    };
    req.on('error', broken);
    req.on('close', () => broken());
    // It may all have happened before anybody listened.
    if (req.readableEnded) this.#hasEnded = true;
    else if (req.destroyed) broken();
  }

  #giveTurn(): void {
    this.#isOthersTurn = true;
    this.#req.pause();
    setImmediate(() => {
      this.#isOthersTurn = false;
      this.#turnBytes = 0;
      if (this.#wake !== undefined) this.#resume();
    });
  }

  #resume(): void {
    if (this.#req.isPaused() && !this.#isOthersTurn) this.#req.resume();
  }

  /** For one who waits at a time. */
  #nextEvent(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
