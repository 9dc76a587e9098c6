/**
 * Request headers from Node's raw list. Node's own `headers` object is not used: it joins repeats of
 * some names and keeps the first of others, and a signature covers what was sent.
 * Values are as they came over the wire, one character per byte (latin1).
 */
import type { Headers } from '../operations/operation.ts';

export type HeaderPair = readonly [name: string, value: string];

/**
 * Names that may stand once: of several the first counts. All others are lists, joined with a comma
 * (RFC 9110 section 5.3). The names are those Node's http module treats so.
 */
const single: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'content-length',
  'content-md5',
  'content-type',
  'etag',
  'expires',
  'from',
  'host',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'range',
  'referer',
  'user-agent',
  'x-amz-date',
]);

export class RequestHeaders implements Headers {
  /** In order, repeats kept, names as sent. */
  readonly pairs: readonly HeaderPair[];
  readonly #values = new Map<string, string>();

  /** `rawHeaders` as Node has them: name, value, name, value. */
  constructor(rawHeaders: readonly string[]) {
    const pairs: HeaderPair[] = [];
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      const value = rawHeaders[at + 1] ?? '';
      pairs.push([name, value]);
      const lower = name.toLowerCase();
      const before = this.#values.get(lower);
      if (before === undefined) this.#values.set(lower, value);
      else if (!single.has(lower)) this.#values.set(lower, `${before},${value}`);
    }
    this.pairs = pairs;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  withPrefix(prefix: string): readonly HeaderPair[] {
    return [...this.#values].filter(([name]) => name.startsWith(prefix));
  }
}
