/**
 * A keep-alive HTTP/1.1 connection for a load generator: request bytes are made beforehand, answers
 * are counted and thrown away. Node's own client costs as much as the servers measured here, and
 * would be what is measured.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** Of the body. */
  readonly bytes: number;
  /** Kept only where asked for. */
  readonly body: Buffer | undefined;
  /** From the first byte sent to the last byte received. */
  readonly ms: number;
  readonly headers: string;
}

export interface Exchange {
  readonly pieces: readonly Buffer[];
  /** The answer to a HEAD has no body, whatever its Content-Length says. */
  readonly isHead: boolean;
  readonly keepBody?: boolean;
  /** Is given the body piece by piece, each good until it returns. */
  readonly take?: (piece: Buffer) => void;
}

interface Pending {
  readonly exchange: Exchange;
  readonly beganMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const headEnd = Buffer.from('\r\n\r\n');
const lineEnd = Buffer.from('\r\n');
const noBytes = Buffer.alloc(0);
/** What any socket receives, until the next one does: memory made for each piece costs more than reading it. */
const received = Buffer.alloc(256 * 1024);

/** One request at a time. A connection that the server closes is opened again for the next. */
export class Connection {
  readonly #host: string;
  readonly #port: number;
  #socket: Socket | undefined;
  #pending: Pending | undefined;
  /** Bytes of the answer that were not understood yet. */
  #rest: Buffer = noBytes;
  #head: string | undefined;
  /** Bytes of the body, or of the chunk, still to come; undefined before a chunk's size is known. */
  #left: number | undefined;
  #isChunked = false;
  #bytes = 0;
  #kept: Buffer[] = [];

  constructor(endpoint: string) {
    const { hostname, port } = new URL(endpoint);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Rejects when the connection breaks before the answer's end. */
  exchange(exchange: Exchange): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const socket = this.#socket ?? this.#open();
      this.#pending = { exchange, beganMs: performance.now(), resolve, reject };
      if (exchange.pieces.length > 1) socket.cork();
      for (const piece of exchange.pieces) socket.write(piece);
      if (exchange.pieces.length > 1) socket.uncork();
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #open(): Socket {
    const socket = connect({
      ...{ host: this.#host, port: this.#port, noDelay: true },
      onread: {
        buffer: received,
        callback: (length) => {
          this.#receive(received.subarray(0, length));
          return true;
        },
      },
    });
    this.#socket = socket;
    this.#rest = noBytes;
    this.#head = undefined;
    const gone = (error?: Error) => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      const pending = this.#pending;
      this.#pending = undefined;
      pending?.reject(error ?? new Error('the server closed the connection'));
    };
    socket.on('error', gone);
    socket.on('close', () => gone());
    return socket;
  }

  #receive(arrived: Buffer): void {
    let bytes = this.#rest.length === 0 ? arrived : Buffer.concat([this.#rest, arrived]);
    this.#rest = noBytes;
    for (;;) {
      if (this.#head === undefined) {
        const end = bytes.indexOf(headEnd);
        if (end < 0) break;
        this.#begin(bytes.toString('latin1', 0, end));
        bytes = bytes.subarray(end + headEnd.length);
        if (this.#head === undefined) continue; // 100 Continue
      }
      if (this.#left === undefined) {
        const end = bytes.indexOf(lineEnd);
        if (end < 0) break;
        const size = Number.parseInt(bytes.toString('latin1', 0, end), 16);
        // The last chunk: an empty trailer's line end stands behind it.
        this.#left = size === 0 ? lineEnd.length : size + lineEnd.length;
        if (size === 0) this.#isChunked = false;
        bytes = bytes.subarray(end + lineEnd.length);
      }
      const taken = bytes.subarray(0, this.#left);
      this.#left -= taken.length;
      this.#bytes += taken.length;
      if (this.#pending?.exchange.keepBody === true) this.#kept.push(Buffer.from(taken));
      this.#pending?.exchange.take?.(taken);
      bytes = bytes.subarray(taken.length);
      if (this.#left > 0) return;
      if (!this.#isChunked) {
        this.#finish();
        return;
      }
      this.#left = undefined;
    }
    this.#rest = Buffer.from(bytes);
  }

  #begin(head: string): void {
    if (head.startsWith('HTTP/1.1 100')) return;
    this.#head = head;
    this.#bytes = 0;
    this.#kept = [];
    const status = head.slice(9, 12);
    this.#isChunked = /\r\ntransfer-encoding: *chunked/i.test(head);
    const hasBody = this.#pending?.exchange.isHead === false && !/^(?:204|304)$/.test(status);
    if (!hasBody) {
      this.#isChunked = false;
      this.#left = 0;
    } else if (this.#isChunked) {
      this.#left = undefined;
    } else {
      this.#left = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
    }
  }

  #finish(): void {
    const head = this.#head ?? '';
    const pending = this.#pending;
    this.#head = undefined;
    this.#pending = undefined;
    if (/\r\nconnection: *close/i.test(head)) this.close();
    pending?.resolve({
      status: Number(head.slice(9, 12)),
      bytes: this.#bytes,
      body: pending.exchange.keepBody === true ? Buffer.concat(this.#kept) : undefined,
      ms: performance.now() - pending.beganMs,
      headers: head,
    });
  }
}
