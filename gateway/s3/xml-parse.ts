/**
 * Reading XML: a strict parser for the documents that clients send. It knows elements, text, CDATA,
 * comments, processing instructions and references, and refuses DOCTYPE. Everything that is not well
 * formed is MalformedXML; the reason is the error's cause.
 *
 * Hand-written: a CompleteMultipartUpload of 10,000 parts held the event loop for 80-200 ms in a
 * general parser. Text comes back exactly as sent, untrimmed and never as a number, since keys such as
 * ` a `, `0123` and CR are legal.
 */
import { setImmediate } from 'node:timers/promises';
import { S3Error } from './errors.ts';

export interface XmlNode {
  /** Local name: a namespace prefix is accepted and dropped. */
  readonly name: string;
  /** The element's own text, decoded, untrimmed; pieces between child elements are joined. */
  readonly text: string;
  readonly children: readonly XmlNode[];
}

export interface XmlLimits {
  readonly maxDepth: number;
  readonly maxElements: number;
}

/** S3's deepest schema has 6 levels; its largest document, 10,000 parts with checksums, 40,001 elements. */
const defaultLimits: XmlLimits = { maxDepth: 20, maxElements: 100_000 };

const elementsPerStep = 2_000;
/** References are the slowest to read: this many characters of them take 30 ms. */
const charactersPerStep = 100_000;
/** No text here is longer than a key of 1024 bytes, each written as a reference of ten characters. */
const maxTextLength = 16_384;
const maxAttributes = 64;

/**
 * The document's root element. `rootName` is what the root must be called (local name). Throws
 * MalformedXML. The caller limits the length in bytes.
 */
export function parseXml(
  bytes: Uint8Array,
  rootName: string,
  limits: XmlLimits = defaultLimits,
): XmlNode {
  const steps = new Parser(decodeUtf8(bytes), limits).document();
  for (;;) {
    const step = steps.next();
    if (step.done) return namedRoot(step.value, rootName);
  }
}

/**
 * As `parseXml`, but other requests get their turn every few thousand elements (1 to 3 ms): for
 * CompleteMultipartUpload and DeleteObjects, whose documents can be large.
 */
export async function parseLargeXml(
  bytes: Uint8Array,
  rootName: string,
  limits: XmlLimits = defaultLimits,
): Promise<XmlNode> {
  const steps = new Parser(decodeUtf8(bytes), limits).document();
  for (;;) {
    const step = steps.next();
    if (step.done) return namedRoot(step.value, rootName);
    await setImmediate();
  }
}

function namedRoot(root: XmlNode, rootName: string): XmlNode {
  if (root.name !== rootName) throw malformed(`the root is ${root.name}, not ${rootName}`);
  return root;
}

/** The child of that name; undefined where there is none, MalformedXML where there are several. */
export function child(node: XmlNode, name: string): XmlNode | undefined {
  let found: XmlNode | undefined;
  for (const candidate of node.children) {
    if (candidate.name !== name) continue;
    if (found !== undefined) throw malformed(`${name} stands twice in ${node.name}`);
    found = candidate;
  }
  return found;
}

/** All children of that name, in order. */
export function children(node: XmlNode, name: string): XmlNode[] {
  return node.children.filter((candidate) => candidate.name === name);
}

/** The text of a child; undefined where it is absent, '' where it is empty. */
export function childText(node: XmlNode, name: string): string | undefined {
  return child(node, name)?.text;
}

/** The text of a child that the schema demands. */
export function requiredText(node: XmlNode, name: string): string {
  const found = child(node, name);
  if (found === undefined) throw malformed(`${name} is missing in ${node.name}`);
  return found.text;
}

function malformed(reason: string): S3Error {
  return new S3Error('MalformedXML', { cause: new Error(reason) });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('the document is not UTF-8');
  }
}

interface OpenElement {
  /** With its prefix, as the end tag must repeat it. */
  readonly qualifiedName: string;
  readonly name: string;
  text: string;
  readonly children: XmlNode[];
}

/** XML 1.0 NameStartChar and NameChar, with at most one prefix. */
const start = 'A-Z_a-z\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff';
const nameStart = `${start}\\u200c\\u200d\\u2070-\\u218f\\u2c00-\\u2fef\\u3001-\\ud7ff`;
const nameRest = `${nameStart}\\u00b7\\u0300-\\u036f\\u203f\\u2040.0-9-`;
const part = `[${nameStart}][${nameRest}]*`;
const name = new RegExp(`${part}(?::${part})?`, 'y');
const declared = /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])1\.[0-9]+\1([^?]*)\?>/;
const encodingOf = /[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*(["'])([A-Za-z][\w.-]*)\1/;

class Parser {
  private readonly source: string;
  private readonly limits: XmlLimits;
  private readonly open: OpenElement[] = [];
  private at = 0;
  private elements = 0;
  private root: XmlNode | undefined;

  constructor(source: string, limits: XmlLimits) {
    this.source = source;
    this.limits = limits;
  }

  /** Yields now and then, so that the caller can give way; returns the root. */
  *document(): Generator<undefined, XmlNode> {
    this.declaration();
    let nextElements = elementsPerStep;
    let nextPosition = charactersPerStep;
    const { source } = this;
    while (this.at < source.length) {
      const next = source.indexOf('<', this.at);
      const end = next === -1 ? source.length : next;
      if (end > this.at) this.characters(source.slice(this.at, end));
      this.at = end;
      if (next !== -1) this.markup();
      if (this.elements >= nextElements || this.at >= nextPosition) {
        nextElements = this.elements + elementsPerStep;
        nextPosition = this.at + charactersPerStep;
        yield;
      }
    }
    if (this.open.length > 0) throw malformed(`${this.open.at(-1)?.name} is not closed`);
    if (this.root === undefined) throw malformed('there is no element');
    return this.root;
  }

  private declaration(): void {
    if (!/^<\?xml[ \t\r\n]/.test(this.source)) return;
    const found = declared.exec(this.source);
    if (found === null) throw malformed('the XML declaration is not well formed');
    const encoding = encodingOf.exec(found[2] ?? '')?.[2]?.toLowerCase() ?? 'utf-8';
    if (!['utf-8', 'utf8', 'us-ascii', 'ascii'].includes(encoding)) {
      throw malformed(`encoding ${encoding} is not UTF-8`);
    }
    this.at = found[0].length;
  }

  private markup(): void {
    const { source } = this;
    const kind = source[this.at + 1];
    if (kind === '/') this.endTag();
    else if (kind === '?') this.instruction();
    else if (kind !== '!') this.startTag();
    else if (source.startsWith('<!--', this.at)) this.comment();
    else if (source.startsWith('<![CDATA[', this.at)) this.cdata();
    else throw malformed('DOCTYPE is not accepted');
  }

  private startTag(): void {
    this.at += 1;
    const qualifiedName = this.name();
    if (this.open.length === 0 && this.root !== undefined) throw malformed('there are two roots');
    if (this.open.length >= this.limits.maxDepth) throw malformed('too many levels');
    this.elements += 1;
    if (this.elements > this.limits.maxElements) throw malformed('too many elements');
    const empty = this.attributes();
    this.open.push({
      qualifiedName,
      name: qualifiedName.slice(qualifiedName.indexOf(':') + 1),
      text: '',
      children: [],
    });
    if (empty) this.close();
  }

  /** Attributes are checked and dropped: none of S3's documents read here gives them a meaning. */
  private attributes(): boolean {
    const { source } = this;
    if (source[this.at] === '>') {
      this.at += 1;
      return false;
    }
    let seen: Set<string> | undefined;
    for (;;) {
      const before = this.at;
      this.skipWhitespace();
      if (source[this.at] === '>') {
        this.at += 1;
        return false;
      }
      if (source.startsWith('/>', this.at)) {
        this.at += 2;
        return true;
      }
      if (this.at === before) throw malformed('a tag is not well formed');
      const attribute = this.name();
      seen ??= new Set();
      if (seen.has(attribute)) throw malformed(`attribute ${attribute} stands twice`);
      if (seen.size === maxAttributes) throw malformed('too many attributes');
      seen.add(attribute);
      this.skipWhitespace();
      this.expect('=');
      this.skipWhitespace();
      const quote = source[this.at];
      if (quote !== '"' && quote !== "'") throw malformed('an attribute value is not quoted');
      const end = source.indexOf(quote, this.at + 1);
      if (end === -1) throw malformed('an attribute value does not end');
      const value = source.slice(this.at + 1, end);
      if (value.length > maxTextLength) throw malformed('an attribute value is too long');
      if (value.includes('<')) throw malformed('< in an attribute value');
      decode(value);
      this.at = end + 1;
    }
  }

  private endTag(): void {
    this.at += 2;
    const expected = this.open.at(-1)?.qualifiedName;
    if (expected === undefined || !this.source.startsWith(expected, this.at)) {
      throw malformed(`an end tag closes nothing, or another element than ${expected}`);
    }
    this.at += expected.length;
    this.skipWhitespace();
    this.expect('>');
    this.close();
  }

  private close(): void {
    const closed = this.open.pop();
    if (closed === undefined) throw malformed('an end tag closes nothing');
    const node: XmlNode = { name: closed.name, text: closed.text, children: closed.children };
    const parent = this.open.at(-1);
    if (parent === undefined) this.root = node;
    else parent.children.push(node);
  }

  private comment(): void {
    const end = this.source.indexOf('--', this.at + 4);
    if (end === -1 || this.source[end + 2] !== '>') throw malformed('a comment is not well formed');
    this.at = end + 3;
  }

  private cdata(): void {
    const end = this.source.indexOf(']]>', this.at);
    if (end === -1) throw malformed('CDATA does not end');
    const parent = this.open.at(-1);
    if (parent === undefined) throw malformed('CDATA outside the root');
    if (end - this.at > maxTextLength) throw malformed('CDATA is too long');
    parent.text += characters(this.source.slice(this.at + 9, end));
    this.at = end + 3;
  }

  private instruction(): void {
    this.at += 2;
    if (this.name().toLowerCase() === 'xml') throw malformed('a misplaced XML declaration');
    const end = this.source.indexOf('?>', this.at);
    if (end === -1) throw malformed('a processing instruction does not end');
    this.at = end + 2;
  }

  private characters(raw: string): void {
    const parent = this.open.at(-1);
    if (parent === undefined) {
      if (/[^ \t\r\n]/.test(raw)) throw malformed('text outside the root');
      return;
    }
    if (raw.length > maxTextLength) throw malformed('a text is too long');
    if (raw.includes(']]>')) throw malformed(']]> in text');
    const text = needsDecoding.test(raw) ? decode(raw) : raw;
    parent.text = parent.text === '' ? text : parent.text + text;
  }

  private name(): string {
    const plain = this.plainNameEnd();
    if (plain > this.at) {
      const found = this.source.slice(this.at, plain);
      this.at = plain;
      return found;
    }
    name.lastIndex = this.at;
    const found = name.exec(this.source)?.[0];
    if (found === undefined) throw malformed('a name is not well formed');
    this.at = name.lastIndex;
    return found;
  }

  /** Where a name of ASCII letters and digits ends; the place itself where the name is any other. */
  private plainNameEnd(): number {
    const { source } = this;
    let end = this.at;
    for (;;) {
      const code = source.charCodeAt(end);
      const isLetter = (code >= 97 && code <= 122) || (code >= 65 && code <= 90);
      const isDigit = code >= 48 && code <= 57;
      if (isLetter || (isDigit && end > this.at)) end += 1;
      // '>', '/', '=' and whitespace end a name; anything else needs the full rule.
      else if (code === 62 || code === 47 || code === 61 || code <= 32) return end;
      else return this.at;
    }
  }

  private skipWhitespace(): void {
    const { source } = this;
    let code = source.charCodeAt(this.at);
    while (code === 32 || code === 9 || code === 10 || code === 13) {
      this.at += 1;
      code = source.charCodeAt(this.at);
    }
  }

  private expect(character: string): void {
    if (this.source[this.at] !== character) throw malformed(`${character} is missing`);
    this.at += 1;
  }
}

/**
 * Literal characters: line ends become LF (XML 1.0 section 2.11). Other control characters, which
 * XML 1.0 has no place for, are let through: botocore writes them raw into DeleteObjects, and the key
 * that is meant is plain. Only U+0000 is refused.
 */
function characters(raw: string): string {
  if (raw.includes('\u0000')) throw malformed('U+0000');
  return raw.includes('\r') ? raw.replace(/\r\n?/g, '\n') : raw;
}

const needsDecoding = /[&\r\0]/;
const reference = /&(?:(#x[0-9A-Fa-f]{1,6}|#[0-9]{1,7}|amp|lt|gt|quot|apos);)?/g;
const namedReferences: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** Text with the five entities and numeric references decoded. Any other & is an error. */
function decode(raw: string): string {
  const text = characters(raw);
  return text.includes('&') ? text.replace(reference, decodeReference) : text;
}

function decodeReference(_whole: string, inner: string | undefined): string {
  if (inner === undefined) throw malformed('& is no reference that XML has');
  const named = namedReferences.get(inner);
  if (named !== undefined) return named;
  const code =
    inner[1] === 'x' ? Number.parseInt(inner.slice(2), 16) : Number.parseInt(inner.slice(1), 10);
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    throw malformed(`&${inner}; is no character`);
  }
  return String.fromCodePoint(code);
}
