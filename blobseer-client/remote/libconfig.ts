/**
 * Files of libconfig's format, which the original BlobSeer's programs are configured with: groups
 * `{ name = value; }`, lists `( , )`, arrays `[ , ]`, strings, numbers and booleans, comments of three
 * kinds. Strict: what libconfig would not read is an error with its line. `@include` is refused.
 */
import { BlobSeerError } from '../errors.ts';

export interface ConfigGroup {
  readonly kind: 'group';
  readonly line: number;
  readonly settings: ReadonlyMap<string, ConfigValue>;
}

export interface ConfigList {
  readonly kind: 'list';
  readonly line: number;
  readonly items: readonly ConfigValue[];
}

export interface ConfigScalar {
  readonly kind: 'scalar';
  readonly line: number;
  readonly value: string | number | boolean;
}

export type ConfigValue = ConfigGroup | ConfigList | ConfigScalar;

export class LibconfigError extends BlobSeerError {
  constructor(line: number, message: string) {
    super('invalid-argument', `line ${line}: ${message}`);
    this.name = 'LibconfigError';
  }
}

/** Deeper nesting is nobody's configuration. */
const maxDepth = 32;

/** One token at a time; `string`s stand as they are read, without quotes. */
interface Token {
  readonly kind: 'name' | 'string' | 'number' | 'sign' | 'end';
  readonly text: string;
  readonly line: number;
}

const spaceOrComment = /(?:\s|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const tokenPattern =
  /(?<name>[A-Za-z*][-A-Za-z0-9_*]*)|(?<number>[-+]?(?:0[xX][0-9a-fA-F]+L{0,2}|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?L{0,2})(?![\w.]))|"(?<string>(?:[^"\\]|\\[\s\S])*)"|(?<sign>[={}()[\]:;,])/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** The settings of a file. Throws LibconfigError. */
export function parseLibconfig(text: string): ConfigGroup {
  const parser = new Parser(text);
  return parser.file();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #token: Token;

  constructor(text: string) {
    this.#text = text;
    this.#token = this.#next();
  }

  file(): ConfigGroup {
    const settings = this.#settings('end', 0);
    return { kind: 'group', line: 1, settings };
  }

  /** Settings up to a closing brace, or the end of the file. */
  #settings(until: '}' | 'end', depth: number): Map<string, ConfigValue> {
    const settings = new Map<string, ConfigValue>();
    const isOver = () => (until === 'end' ? this.#token.kind === 'end' : this.#isSign(until));
    while (!isOver()) {
      const { kind, text, line } = this.#token;
      if (kind !== 'name') throw this.#unexpected('the name of a setting');
      this.#advance();
      if (!this.#isSign('=') && !this.#isSign(':')) throw this.#unexpected(`"=" after ${text}`);
      this.#advance();
      const value = this.#value(depth);
      if (settings.has(text)) throw new LibconfigError(line, `${text} is set a second time`);
      settings.set(text, value);
      if (this.#isSign(';') || this.#isSign(',')) this.#advance();
    }
    return settings;
  }

  #value(depth: number): ConfigValue {
    if (depth > maxDepth) throw new LibconfigError(this.#token.line, 'nested too deeply');
    const { kind, text, line } = this.#token;
    if (kind === 'string') return this.#strings();
    if (kind === 'number') {
      this.#advance();
      return { kind: 'scalar', line, value: Number(text.replace(/L+$/, '')) };
    }
    if (kind === 'name' && /^(true|false)$/i.test(text)) {
      this.#advance();
      return { kind: 'scalar', line, value: text.toLowerCase() === 'true' };
    }
    if (this.#isSign('{')) {
      this.#advance();
      const settings = this.#settings('}', depth + 1);
      this.#advance();
      return { kind: 'group', line, settings };
    }
    if (this.#isSign('(')) return this.#list(')', depth);
    if (this.#isSign('[')) return this.#list(']', depth);
    throw this.#unexpected('a value');
  }

  /** Strings that follow each other are one. */
  #strings(): ConfigScalar {
    const { line } = this.#token;
    let value = '';
    while (this.#token.kind === 'string') {
      value += this.#token.text;
      this.#advance();
    }
    return { kind: 'scalar', line, value };
  }

  #list(close: ')' | ']', depth: number): ConfigList {
    const { line } = this.#token;
    this.#advance();
    const items: ConfigValue[] = [];
    while (!this.#isSign(close)) {
      const item = this.#value(depth + 1);
      if (close === ']' && item.kind !== 'scalar') {
        throw new LibconfigError(item.line, 'an array holds only strings, numbers or booleans');
      }
      items.push(item);
      if (this.#isSign(',')) this.#advance();
      else if (!this.#isSign(close)) throw this.#unexpected(`"," or "${close}"`);
    }
    this.#advance();
    return { kind: 'list', line, items };
  }

  #isSign(text: string): boolean {
    return this.#token.kind === 'sign' && this.#token.text === text;
  }

  #unexpected(wanted: string): LibconfigError {
    const { kind, text, line } = this.#token;
    const found = kind === 'end' ? 'the end of the file' : `"${text}"`;
    return new LibconfigError(line, `${found} where ${wanted} is expected`);
  }

  #advance(): void {
    this.#token = this.#next();
  }

  #next(): Token {
    this.#skip(spaceOrComment);
    const line = this.#line;
    if (this.#at >= this.#text.length) return { kind: 'end', text: '', line };
    tokenPattern.lastIndex = this.#at;
    const match = tokenPattern.exec(this.#text);
    if (match === null) {
      if (this.#text.startsWith('@include', this.#at)) {
        throw new LibconfigError(line, '@include is not taken: put all settings into one file');
      }
      const [rest = ''] = this.#text.slice(this.#at, this.#at + 20).split('\n');
      throw new LibconfigError(line, `"${rest}" makes no sense here`);
    }
    this.#pass(match[0]);
    const { name, number, string, sign } = match.groups!;
    if (name !== undefined) return { kind: 'name', text: name, line };
    if (number !== undefined) return { kind: 'number', text: number, line };
    if (string !== undefined) return { kind: 'string', text: readEscapes(string, line), line };
    return { kind: 'sign', text: sign!, line };
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#pass(match[0]);
  }

  #pass(text: string): void {
    this.#at += text.length;
    for (const character of text) if (character === '\n') this.#line++;
  }
}

function readEscapes(text: string, line: number): string {
  return text.replace(/\\(x[0-9a-fA-F]{2}|[\s\S])/g, (whole, letters: string) => {
    if (letters.length === 3) return String.fromCharCode(Number.parseInt(letters.slice(1), 16));
    const character = escapes[letters];
    if (character === undefined) throw new LibconfigError(line, `no such escape: ${whole}`);
    return character;
  });
}
