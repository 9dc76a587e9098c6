/** A program of BlobSeer as a double of the original's: it answers its calls, and else does as the test says. */
import assert from 'node:assert/strict';
import type { Address } from '../remote-error.ts';
import type { Frame } from '../wire/frame.ts';
import { type Peer, type ScriptedServer, scriptedServer } from './scripted-server.ts';

export interface Answer {
  readonly status: number;
  readonly results: readonly Uint8Array[];
}

/**
 * - `serve`: as it should be.
 * - `cut`: the connection ends, and nothing was done.
 * - `forget`: it is done, and the connection ends before the answer.
 * - `hang`: nothing is done, and nobody is told.
 * - a number: nothing is done, and that status is answered.
 */
export type Conduct = 'serve' | 'cut' | 'forget' | 'hang' | number;

export class RoleServer implements AsyncDisposable {
  /** What is done with a call; by default it is served. */
  conduct: (call: Frame) => Conduct | Promise<Conduct> = () => 'serve';
  readonly #serve: (call: Frame) => Answer | undefined;
  #server: ScriptedServer | undefined;
  #address: Address | undefined;

  private constructor(serve: (call: Frame) => Answer | undefined) {
    this.#serve = serve;
  }

  /** `serve` answers undefined for numbers that it does not know: the connection ends. */
  static async start(serve: (call: Frame) => Answer | undefined): Promise<RoleServer> {
    const server = new RoleServer(serve);
    await server.up();
    return server;
  }

  get address(): Address {
    return this.#address!;
  }

  /** Nobody listens any more, and all connections end. */
  async down(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    this.#server = undefined;
  }

  /** At the same place as before. */
  async up(): Promise<void> {
    this.#server = await scriptedServer((peer) => this.#run(peer), { port: this.#address?.port });
    this.#address = this.#server.address;
  }

  async #run(peer: Peer): Promise<void> {
    for (let call = await peer.request(); call; call = await peer.request()) {
      // One would end any of the original's programs.
      assert.ok(!call.items.some(({ length }) => length === 0), 'a parameter of no bytes');
      const conduct = await this.conduct(call);
      if (conduct === 'hang') return;
      if (typeof conduct === 'number') {
        peer.answer(call, [], conduct);
        continue;
      }
      const answer = conduct === 'cut' ? undefined : this.#serve(call);
      if (answer === undefined || conduct === 'forget') {
        peer.socket.resetAndDestroy();
        return;
      }
      peer.answer(call, answer.results, answer.status);
    }
  }

  async [Symbol.asyncDispose]() {
    await this.down();
  }
}
