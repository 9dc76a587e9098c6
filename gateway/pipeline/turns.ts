/**
 * The requests of one connection, one after another. Node hands out pipelined requests as they arrive,
 * and they would run side by side: a GET could see the bucket before the PUT sent in front of it.
 * RFC 9112 section 9.3.2 allows that for safe methods alone; behind an answer that closes the
 * connection nothing more may be processed (section 9.6).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Exchange } from './exchange.ts';

/** Requests that may wait on a connection before reading from it pauses. */
const maxWaiting = 16;

interface Turn {
  /** Undefined for the last word to a client whose next request cannot be read. */
  readonly request: IncomingMessage | undefined;
  readonly begin: () => void;
  /** Undefined where the turn closes the connection by itself. */
  readonly res: ServerResponse | undefined;
}

interface Line {
  running: Turn | undefined;
  /** Set by the context step of the running request. */
  exchange: Exchange | undefined;
  readonly waiting: Turn[];
  /** By this class: Node pauses sockets for reasons of its own. */
  isPaused: boolean;
}

export class Turns {
  readonly #lines = new WeakMap<Duplex, Line>();
  readonly #failed: (error: Error) => void;

  /** `failed` is told of connections that break under an answer. */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Begins the request when those in front of it are answered: at once, mostly. */
  take(req: IncomingMessage, res: ServerResponse, begin: () => void): void {
    const { socket } = req;
    const line = this.#line(socket);
    const turn = { request: req, res, begin };
    if (line.running === undefined) {
      this.#run(socket, line, turn);
      return;
    }
    line.waiting.push(turn);
    if (line.waiting.length >= maxWaiting) {
      line.isPaused = true;
      socket.pause();
    }
  }

  began(exchange: Exchange): void {
    this.#line(exchange.req.socket).exchange = exchange;
  }

  /** The request that runs on a socket, for what the parser finds while it does. */
  running(socket: Duplex): Exchange | undefined {
    return this.#lines.get(socket)?.exchange;
  }

  /**
   * For a connection on which nothing more can be read: `speak` has the last word, behind the answers to
   * the requests that came whole.
   */
  finish(socket: Duplex, speak: () => void): void {
    const line = this.#line(socket);
    if (line.waiting.at(-1)?.request?.complete === false) line.waiting.pop();
    if (line.running === undefined) speak();
    else {
      line.waiting.push({ request: undefined, res: undefined, begin: speak });
    }
  }

  #line(socket: Duplex): Line {
    let line = this.#lines.get(socket);
    if (line === undefined) {
      line = { running: undefined, exchange: undefined, waiting: [], isPaused: false };
      this.#lines.set(socket, line);
    }
    return line;
  }

  #run(socket: Duplex, line: Line, turn: Turn): void {
    line.running = turn;
    const { res } = turn;
    // 'close' comes behind 'finish' too, when Node has closed the connection or kept it.
    res?.on('close', () => {
      if (!res.writableFinished && socket.errored) this.#failed(socket.errored);
      this.#next(socket, line);
    });
    turn.begin();
  }

  #next(socket: Duplex, line: Line): void {
    line.running = undefined;
    line.exchange = undefined;
    if (socket.destroyed || !socket.writable) {
      line.waiting.length = 0;
      return;
    }
    const turn = line.waiting.shift();
    if (turn === undefined) return;
    if (line.isPaused && line.waiting.length < maxWaiting) {
      line.isPaused = false;
      socket.resume();
    }
    this.#run(socket, line, turn);
  }
}
