/**
 * Where checkpoints are kept: names and bytes, in a directory or in a bucket. Nothing in it counts before a
 * manifest names it.
 */
import type { Digest } from './digest.ts';

export interface Place {
  /** As its user calls it. */
  readonly name: string;
  /** Its files are not in the file system. */
  readonly isRemote: boolean;
  /** A local directory for files that are being made, where it is locked; emptied before and after. */
  readonly workDirectory: string;
  /** One program at a time makes and deletes checkpoints here. Throws `unavailable`. */
  lock(): Promise<PlaceLock>;
  /** In the order of the names, which are ASCII. */
  list(prefix: string): AsyncIterable<string>;
  /** Throws `not-found`. */
  read(name: string): AsyncIterable<Buffer>;
  /**
   * Keeps what a local file has, in one step under that name, whatever was there. Of a file that `moves` nothing
   * need be left; one that does not is immutable, and may be shared.
   */
  put(name: string, file: LocalFile): Promise<void>;
  /** What was put is durable, and so is its name. */
  settle(): Promise<void>;
  /** Brings it to a new local file that nobody will change, checked. Throws `not-found` and `corrupt`. */
  fetch(name: string, file: string, digest: Digest): Promise<void>;
  /** What is not there is as good as removed. */
  remove(name: string): Promise<void>;
}

export interface LocalFile {
  readonly file: string;
  readonly digest: Digest;
  readonly moves: boolean;
}

export interface PlaceLock {
  /** Throws `conflict` when somebody else has taken it for dead. */
  confirm(): Promise<void>;
  release(): Promise<void>;
}
