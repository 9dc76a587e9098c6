/** The log of the gateway under test: nothing but its lines may be in it, and none that tells a fault. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Finding } from './wire.ts';

/** What `serve` says on stdout when it is ready; a stack trace is indented deeper. */
const greeting = /^(blobseer-s3 \S+ is ready\.|Three commands| {2}\S)/;
const faults = new Set(['error', 'fatal']);

export class ServerLog {
  readonly #file: string;
  readonly #served = new Map<string, number>();
  #position = 0;
  #rest = '';

  constructor(file: string) {
    this.#file = file;
  }

  /** Reads on to the end. Throws a Finding for a fault and for whatever is no line of the log. */
  assertQuiet(): void {
    const lines = `${this.#rest}${this.#more()}`.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') this.#look(line);
  }

  served(): Readonly<Record<string, number>> {
    this.assertQuiet();
    return Object.fromEntries([...this.#served].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #look(line: string): void {
    if (greeting.test(line)) return;
    if (!line.startsWith('{')) throw new Finding(`not a line of the log: ${line}`);
    const entry = JSON.parse(line) as { level?: string; operation?: string; status?: number };
    if (faults.has(entry.level ?? '')) throw new Finding(`logged: ${line}`);
    const { operation, status = 500 } = entry;
    if (operation === undefined || status >= 400) return;
    this.#served.set(operation, (this.#served.get(operation) ?? 0) + 1);
  }

  #more(): string {
    const descriptor = openSync(this.#file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(descriptor).size - this.#position);
      readSync(descriptor, bytes, 0, bytes.length, this.#position);
      this.#position += bytes.length;
      return bytes.toString('latin1');
    } finally {
      closeSync(descriptor);
    }
  }
}
