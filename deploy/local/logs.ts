/** What members have said: the end of their logs, and what comes after it. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** However long the lines are, no more than this is read at once. */
const maxBytes = 2 ** 20;
const lineFeed = 0x0a;
const pollMs = 250;

export class LogReader {
  readonly #file: string;
  /** Up to where it was read. */
  #at = 0;
  /** The beginning of a line whose end is not there yet. */
  #open = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** The last whole lines there are. */
  last(count: number): string[] {
    return this.#reading((descriptor, size) => {
      const from = Math.max(0, size - maxBytes);
      const bytes = read(descriptor, from, size);
      const end = bytes.lastIndexOf(lineFeed) + 1;
      this.#at = from + end;
      const lines = bytes.toString('utf8', 0, end).split('\n').slice(0, -1);
      return lines.slice(Math.max(0, lines.length - count));
    });
  }

  /** The whole lines that came since. */
  next(): string[] {
    return this.#reading((descriptor, size) => {
      if (size < this.#at) {
        // It was emptied in its place.
        this.#at = 0;
        this.#open = '';
      }
      const bytes = read(descriptor, this.#at, Math.min(size, this.#at + maxBytes));
      this.#at += bytes.length;
      const lines = `${this.#open}${bytes}`.split('\n');
      this.#open = lines.pop()!.slice(-maxBytes);
      return lines;
    });
  }

  #reading(use: (descriptor: number, size: number) => string[]): string[] {
    if (!existsSync(this.#file)) return [];
    const descriptor = openSync(this.#file, 'r');
    try {
      return use(descriptor, fstatSync(descriptor).size);
    } finally {
      closeSync(descriptor);
    }
  }
}

/** Until the signal. */
export async function followLogs(
  readers: ReadonlyMap<string, LogReader>,
  onLine: (name: string, line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const [name, reader] of readers) for (const line of reader.next()) onLine(name, line);
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

function read(descriptor: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, from));
}
