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

/** What most prefixes that are asked for begin with. */
const amazonPrefix = 'x-amz-';
const nothing: readonly HeaderPair[] = [];
const noNames: readonly string[] = [];

export class RequestHeaders implements Headers {
  /** In order, repeats kept, names as sent. */
  readonly pairs: readonly HeaderPair[];
  /** Names in lower case that were sent more than once. */
  readonly repeated: readonly string[];
  readonly #values = new Map<string, string>();
  /** Those of `#values` that begin with `amazonPrefix`: every request asks for several kinds of them. */
  readonly #amazonNames: readonly string[];

  /** `rawHeaders` as Node has them: name, value, name, value. */
  constructor(rawHeaders: readonly string[]) {
    const pairs: HeaderPair[] = [];
    const amazonNames: string[] = [];
    let repeated = noNames;
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = rawHeaders[at] ?? '';
      const value = rawHeaders[at + 1] ?? '';
      pairs.push([name, value]);
      const lower = name.toLowerCase();
      const before = this.#values.get(lower);
      if (before === undefined) {
        this.#values.set(lower, value);
        if (lower.startsWith(amazonPrefix)) amazonNames.push(lower);
      } else {
        if (!single.has(lower)) this.#values.set(lower, `${before},${value}`);
        repeated = [...repeated, lower];
      }
    }
    this.pairs = pairs;
    this.repeated = repeated;
    this.#amazonNames = amazonNames;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  withPrefix(prefix: string): readonly HeaderPair[] {
    const names = prefix.startsWith(amazonPrefix) ? this.#amazonNames : this.#values.keys();
    let found = nothing;
    for (const name of names) {
      if (name.startsWith(prefix)) found = [...found, [name, this.#values.get(name) ?? '']];
    }
    return found;
  }
}
