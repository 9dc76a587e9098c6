/**
 * A value of a YAML file with its place, so that what is wrong is named by line and key. Strict: a key
 * that nobody knows is refused, with the nearest one that is known. What cannot be read twice the same way
 * (anchors, aliases, tags) is refused too.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
} from 'yaml';
import { BlobSeerError } from '../../blobseer-client/errors.ts';
import { suggestion } from '../../gateway/suggestion.ts';

const maxFileBytes = 2 ** 20;
const maxListItems = 4096;

export class DescriptionError extends BlobSeerError {
  constructor(line: number, message: string) {
    super('invalid-argument', `line ${line}: ${message}`);
    this.name = 'DescriptionError';
  }
}

/** What a file says of one key, or nothing. */
export class Field {
  readonly path: string;
  readonly #node: Node | undefined;
  /** Of the value; where there is none, of what should have it. */
  readonly #line: number;
  readonly #lines: LineCounter;

  private constructor(path: string, node: Node | undefined, line: number, lines: LineCounter) {
    this.path = path;
    this.#node = isScalar(node) && node.value === null ? undefined : node;
    this.#line = line;
    this.#lines = lines;
    const isOdd = node !== undefined && (isAlias(node) || node.anchor || node.tag);
    if (isOdd) throw this.wrong('plain YAML: no anchors, aliases or tags');
  }

  /** The whole of a file. Throws DescriptionError, as all methods do. */
  static parse(text: string): Field {
    if (Buffer.byteLength(text) > maxFileBytes) {
      throw new DescriptionError(1, `the file has more than ${maxFileBytes} bytes`);
    }
    const lines = new LineCounter();
    const document: Document = parseDocument(text, { lineCounter: lines, logLevel: 'silent' });
    const [fault] = [...document.errors, ...document.warnings];
    if (fault !== undefined) {
      // Without the parser's own words, which quote the file.
      const { line, col } = fault.linePos?.[0] ?? { line: 1, col: 1 };
      throw new DescriptionError(line, `column ${col} is no YAML that is taken (${fault.code})`);
    }
    return new Field('', document.contents ?? undefined, 1, lines);
  }

  get isGiven(): boolean {
    return this.#node !== undefined;
  }

  /** The fields of a mapping; those that are not in the file are there too, not given. */
  mapping<Key extends string>(keys: readonly Key[]): Readonly<Record<Key, Field>> {
    const found = new Map<string, Field>();
    if (this.isGiven) {
      if (!isMap(this.#node)) throw this.wrong(`a mapping of ${keys.join(', ')}`);
      for (const { key, value } of this.#node.items) {
        const name = isScalar(key) ? String(key.value) : '';
        const line = this.#lineOf(key);
        if (!keys.some((known) => known === name)) {
          const unknown = `unknown key "${this.#below(name)}"${suggestion(name, keys)}`;
          throw new DescriptionError(line, `${unknown}; keys are ${keys.join(', ')}`);
        }
        const node = isNode(value) ? value : undefined;
        found.set(name, new Field(this.#below(name), node, line, this.#lines));
      }
    }
    const fields = keys.map((key) => [
      key,
      found.get(key) ?? new Field(this.#below(key), undefined, this.#line, this.#lines),
    ]);
    return Object.fromEntries(fields) as Record<Key, Field>;
  }

  /** Empty where nothing is given. */
  list(allowed: string): Field[] {
    if (!this.isGiven) return [];
    if (!isSeq(this.#node) || this.#node.items.length > maxListItems) throw this.wrong(allowed);
    return this.#node.items.map((item, at) => {
      const node = isNode(item) ? item : undefined;
      return new Field(`${this.path}[${at}]`, node, this.#lineOf(item), this.#lines);
    });
  }

  text(pattern: RegExp, allowed: string): string {
    const value = this.#scalar(allowed);
    if (typeof value !== 'string' || !pattern.test(value)) throw this.wrong(allowed);
    return value;
  }

  oneOf<Word extends string>(words: readonly Word[]): Word {
    const value = this.#scalar(words.join(' or '));
    const found = words.find((word) => word === value);
    if (found === undefined) throw this.wrong(words.join(' or '));
    return found;
  }

  integer({ min, max }: { readonly min: number; readonly max: number }): number {
    const allowed = min === max ? `${min}` : `a whole number from ${min} to ${max}`;
    const value = this.#scalar(allowed);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.wrong(allowed);
    }
    return value;
  }

  flag(): boolean {
    const value = this.#scalar('true or false');
    if (typeof value !== 'boolean') throw this.wrong('true or false');
    return value;
  }

  /** The value, where it is one. */
  scalar(): unknown {
    return isScalar(this.#node) ? this.#node.value : undefined;
  }

  /** Says what was there: not to be used for what may be a secret. */
  wrong(allowed: string): DescriptionError {
    const value = this.scalar();
    if (!this.isGiven) return this.fault(`is missing; give ${allowed}`);
    const there = value === undefined ? '' : `, not ${JSON.stringify(value)}`;
    return this.fault(`must be ${allowed}${there}`);
  }

  fault(message: string): DescriptionError {
    return new DescriptionError(this.#line, `${this.path || 'the file'} ${message}`);
  }

  #scalar(allowed: string): unknown {
    if (!this.isGiven) throw this.wrong(allowed);
    return this.scalar();
  }

  #below(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  #lineOf(node: unknown): number {
    const start = isNode(node) ? node.range?.[0] : undefined;
    return start === undefined ? this.#line : this.#lines.linePos(start).line;
  }
}
