/**
 * A server on loopback that does what a test tells it, right or wrong. Whoever asks whether it is an
 * entity is answered by itself, as the original's programs do it, or as an entity does.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Address } from '../remote-error.ts';
import { encodeAnswer, type Frame, FrameDecoder } from '../wire/frame.ts';
import { entityCalls } from '../wire/messages.ts';

const anyFrame = { maxItems: 10_000, maxItemBytes: 2 ** 26, maxBytes: 2 ** 27 };

/** The server's end of a connection. */
export class Peer {
  readonly socket: Socket;
  /** How its pieces arrived. */
  readonly chunks: Buffer[] = [];
  /** Resolves to how the client ended it. */
  readonly ended: Promise<'reset' | 'closed'>;
  readonly #decoder = new FrameDecoder(() => anyFrame);
  readonly #frames: Frame[] = [];
  #wake: () => void = () => undefined;
  #isGone = false;

  constructor(socket: Socket) {
    this.socket = socket;
    let how: 'reset' | 'closed' = 'closed';
    socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.#frames.push(...this.#decoder.push(chunk));
      this.#wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') how = 'reset';
    });
    this.ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isGone = true;
        this.#wake();
        resolve(how);
      });
    });
  }

  /** The next request; undefined once the connection has gone. */
  async request(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined || this.#isGone) return frame;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  answer(request: Frame, results: readonly Uint8Array[] = [], status = 0): void {
    this.send(Buffer.concat(encodeAnswer(request.name, status, results)));
  }
}

export interface ScriptedServer extends AsyncDisposable {
  readonly address: Address;
  /** All that connected so far and sent a byte, in order, but for those that asked what this is. */
  readonly peers: readonly Peer[];
  /** How often that was asked. */
  readonly questions: number;
  /** Resolves when that many have connected. */
  connected(count: number): Promise<void>;
}

export interface ScriptedOptions {
  /** Answers the question whether this is an entity; otherwise it is an original. */
  readonly onQuestion?: (socket: Socket) => void;
  readonly port?: number;
}

export function sayEntity(socket: Socket): void {
  const hello = { role: 'scripted', extensions: 1, version: '0' };
  const results = entityCalls.hello.encodeAnswer(hello, 18);
  socket.write(Buffer.concat(encodeAnswer(entityCalls.hello.number, 0, results)));
}

/** `script` runs for each connection; `index` counts them. */
export async function scriptedServer(
  script: (peer: Peer, index: number) => Promise<void> | void,
  options: ScriptedOptions = {},
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  let questions = 0;
  const peers: Peer[] = [];
  const failures: unknown[] = [];
  let notify: () => void = () => undefined;
  const { onQuestion = (socket: Socket) => socket.destroy(), port: wanted = 0 } = options;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.once('data', (chunk) => {
      if (chunk.length >= 4 && chunk.readUInt32LE() === entityCalls.hello.number) {
        questions++;
        onQuestion(socket);
        return;
      }
      socket.pause();
      socket.unshift(chunk);
      const peer = new Peer(socket);
      const index = peers.push(peer) - 1;
      notify();
      void (async () => script(peer, index))().catch((error: unknown) => failures.push(error));
      socket.resume();
    });
  });
  server.listen(wanted, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: { host: '127.0.0.1', port },
    peers,
    get questions() {
      return questions;
    },
    async connected(count) {
      while (peers.length < count) {
        await new Promise<void>((resolve) => {
          notify = resolve;
        });
      }
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
      if (failures.length > 0) throw failures[0];
    },
  };
}

/** Answers every request with the results that `resultsOf` gives. */
export function answering(
  resultsOf: (request: Frame) => readonly Uint8Array[] = () => [],
): (peer: Peer) => Promise<void> {
  return async (peer) => {
    for (let request = await peer.request(); request; request = await peer.request()) {
      peer.answer(request, resultsOf(request));
    }
  };
}
