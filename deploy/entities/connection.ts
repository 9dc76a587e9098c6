/**
 * The serving end of a connection: takes requests one after another, each one answered before the
 * next is looked at. Whatever comes in, it ends at most this connection.
 */
import type { Socket } from 'node:net';
import { countReceived } from '../../blobseer-client/index.ts';
import {
  encodeAnswer,
  type Frame,
  FrameDecoder,
  type FrameLimits,
} from '../../blobseer-client/remote/wire/frame.ts';
import { status } from '../../blobseer-client/remote/wire/messages.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { type Answer, justStatus, type Method, type Peer, statusOf } from './method.ts';

export interface ConnectionParts {
  readonly methods: ReadonlyMap<number, Method>;
  readonly memory: MemoryBudget;
  /** From accept, or the last answer, to the end of the next one: waiting, reading, doing, sending. */
  readonly exchangeTimeoutMs: number;
  /** While memory is short, others wait so long for a request of which nothing more arrives. */
  readonly stallTimeoutMs: number;
  /** Somebody must give memory back. */
  readonly onMemoryExceeded: () => void;
  readonly onRequest: () => void;
  /** The other end, or the network, is to blame. */
  readonly onRefused: (peer: Peer, reason: string) => void;
  /** We are. */
  readonly onFailed: (peer: Peer, call: string, error: unknown) => void;
  readonly onClosed: (connection: ServedConnection) => void;
}

/** One read of a socket: a request that holds no more than this has only begun. */
const chunkBytes = 64 * 1024;

export class ServedConnection {
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  readonly #peer: Peer;
  readonly #decoder: FrameDecoder;
  readonly #timer: NodeJS.Timeout;
  readonly #queue: Frame[] = [];
  #isServing = false;
  /** The other end asks nothing more. */
  #isEnding = false;
  #isDraining = false;
  /** Bytes that arrived and are not answered yet. */
  #heldBytes = 0;
  #stallTimer: NodeJS.Timeout | undefined;
  readonly #resume = (): void => {
    if (this.hasTurn) this.#watchTurn();
    this.#socket.resume();
  };

  constructor(socket: Socket, peer: Peer, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#peer = peer;
    this.#decoder = new FrameDecoder((name) => this.#limitsOf(name));
    this.#timer = setTimeout(() => {
      if (!this.isIdle) this.#refuse(`no whole exchange within ${parts.exchangeTimeoutMs} ms`);
      this.destroy();
    }, parts.exchangeTimeoutMs);
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.once('end', () => this.#end());
    socket.once('close', () => this.#closed());
    if (parts.memory.isTight) this.#pauseForMemory();
    else socket.resume();
  }

  /** Between exchanges. */
  get isIdle(): boolean {
    return !this.#isServing && this.#decoder.isIdle;
  }

  /** Bytes of a request that is still arriving. */
  get unfinishedBytes(): number {
    return this.#isServing ? 0 : this.#heldBytes;
  }

  /** Others wait for it to arrive. */
  get hasTurn(): boolean {
    return this.#parts.memory.hasTurn(this.#resume);
  }

  /** Takes no new request, and ends when those that were asked, or half asked, are answered. */
  drain(): void {
    this.#isDraining = true;
    if (this.isIdle) this.destroy();
  }

  /** At once. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Gives its memory back to others. */
  evict(): void {
    this.#refuse(`${this.#heldBytes} bytes of an unfinished request, while memory is short`);
  }

  /** When what was asked is answered. */
  #end(): void {
    this.#isEnding = true;
    if (!this.#isServing) this.#socket.end(() => this.#socket.destroy());
  }

  #limitsOf(name: number): FrameLimits {
    const method = this.#parts.methods.get(name);
    if (method === undefined) throw new Error(`no call of number ${name}`);
    return method.limits;
  }

  #take(chunk: Buffer): void {
    const { memory } = this.#parts;
    this.#heldBytes += chunk.length;
    countReceived(chunk.length);
    memory.arrive(chunk.length);
    this.#stallTimer?.refresh();
    try {
      for (const frame of this.#decoder.push(chunk)) this.#queue.push(frame);
    } catch (error) {
      // What came whole before it is not answered either: nobody can tell what was meant.
      this.#refuse((error as Error).message);
      return;
    }
    if (this.#queue.length > 0) {
      this.#socket.pause();
      void this.#serve(chunk.length);
      return;
    }
    if (memory.isExceeded) this.#parts.onMemoryExceeded();
    if (!memory.isTight || this.#socket.destroyed) return;
    if (this.#heldBytes <= chunkBytes) this.#pauseForMemory();
    else if (!memory.takeTurn(this.#resume)) this.#socket.pause();
    else if (this.#stallTimer === undefined) this.#watchTurn();
  }

  #watchTurn(): void {
    const { memory, stallTimeoutMs } = this.#parts;
    this.#stallTimer = setTimeout(() => {
      this.#stallTimer = undefined;
      if (memory.isTight) this.evict();
      else memory.forget(this.#resume);
    }, stallTimeoutMs);
  }

  #endTurn(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    this.#parts.memory.forget(this.#resume);
  }

  /** `lastChunkBytes`: what is left of it belongs to a request that has only begun. */
  async #serve(lastChunkBytes: number): Promise<void> {
    this.#isServing = true;
    clearTimeout(this.#stallTimer);
    for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
      const answer = await this.#answer(frame);
      try {
        if (answer === undefined || this.#socket.destroyed) {
          this.destroy();
          return;
        }
        await this.#send(frame, answer);
        this.#timer.refresh();
      } finally {
        answer?.release?.();
      }
    }
    this.#isServing = false;
    if (this.#socket.destroyed) return;
    this.#endTurn();
    this.#hold(this.#decoder.isIdle ? 0 : Math.min(lastChunkBytes, this.#heldBytes));
    if (this.#isEnding || (this.#isDraining && this.#decoder.isIdle)) this.#end();
    else if (this.#parts.memory.isTight) this.#pauseForMemory();
    else this.#socket.resume();
  }

  async #answer({ name, items }: Frame): Promise<Answer | undefined> {
    const method = this.#parts.methods.get(name)!;
    this.#parts.onRequest();
    // No value of the protocol is empty; the original's programs end on one.
    if (items.some(({ length }) => length === 0)) return justStatus(status.badArguments);
    try {
      return await method.answer(items, this.#peer);
    } catch (error) {
      const known = statusOf(error);
      if (known !== undefined) return justStatus(known);
      this.#parts.onFailed(this.#peer, method.name, error);
      return undefined;
    }
  }

  #send(frame: Frame, answer: Answer): Promise<void> {
    const buffers = encodeAnswer(frame.name, answer.status, answer.results);
    return new Promise((resolve) => {
      this.#socket.cork();
      const last = buffers.length - 1;
      for (const [index, buffer] of buffers.entries()) {
        this.#socket.write(buffer, index === last ? () => resolve() : undefined);
      }
      this.#socket.uncork();
    });
  }

  #hold(bytes: number): void {
    const freed = this.#heldBytes - bytes;
    this.#heldBytes = bytes;
    if (freed > 0) this.#parts.memory.leave(freed);
  }

  #pauseForMemory(): void {
    this.#socket.pause();
    this.#parts.memory.onceRelaxed(this.#resume);
  }

  #refuse(reason: string): void {
    if (this.#socket.destroyed) return;
    this.#parts.onRefused(this.#peer, reason);
    this.destroy();
    this.#hold(0);
  }

  #closed(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#endTurn();
    this.#hold(0);
    this.#parts.onClosed(this);
  }
}
