/** A place at which the process that uses it is killed: with SIGKILL, before a step of its work or right after it. */
import type { Digest } from '../digest.ts';
import type { LocalFile, Place, PlaceLock } from '../place.ts';

export class MortalPlace implements Place {
  readonly name: string;
  readonly isRemote: boolean;
  readonly workDirectory: string;
  readonly #place: Place;
  /** Steps left to live. */
  #left: number;

  constructor(place: Place, stepsToLive: number) {
    this.name = place.name;
    this.isRemote = place.isRemote;
    this.workDirectory = place.workDirectory;
    this.#place = place;
    this.#left = stepsToLive;
  }

  step(): void {
    if (this.#left-- === 0) process.kill(process.pid, 'SIGKILL');
  }

  async #stepped<T>(work: Promise<T>): Promise<T> {
    const result = await work;
    this.step();
    return result;
  }

  async lock(): Promise<PlaceLock> {
    const lock = await this.#stepped(this.#place.lock());
    return {
      confirm: () => this.#stepped(lock.confirm()),
      release: () => this.#stepped(lock.release()),
    };
  }

  list(prefix: string): AsyncIterable<string> {
    return this.#place.list(prefix);
  }

  async *read(name: string): AsyncGenerator<Buffer> {
    for await (const piece of this.#place.read(name)) {
      yield piece;
      this.step();
    }
  }

  put(name: string, file: LocalFile): Promise<void> {
    return this.#stepped(this.#place.put(name, file));
  }

  settle(): Promise<void> {
    return this.#stepped(this.#place.settle());
  }

  fetch(name: string, file: string, digest: Digest): Promise<void> {
    return this.#stepped(this.#place.fetch(name, file, digest));
  }

  remove(name: string): Promise<void> {
    return this.#stepped(this.#place.remove(name));
  }
}
