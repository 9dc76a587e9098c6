/**
 * CORS of a bucket: its configuration, read, kept and written, and what a rule answers. Who is asked
 * about (a preflight, or any other answer to a page of another origin) is the caller's business.
 * Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html (the elements),
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html (the answers), the Fetch
 * Standard, section 3.2 (what browsers make of them).
 */
import { S3Error } from './errors.ts';
import { headerName } from './headers.ts';
import { element, type Fragment, optional } from './xml.ts';
import { children, childText, parseXml, type XmlNode } from './xml-parse.ts';

export interface CorsRule {
  readonly id?: string;
  readonly allowedMethods: readonly string[];
  /** `*` stands for any characters, at most once in each. */
  readonly allowedOrigins: readonly string[];
  /** The same, in any case. */
  readonly allowedHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly maxAgeSeconds?: number;
}

const maxRules = 100;
/** In Unicode characters. */
const maxIdLength = 255;
/** S3's type for it is a 32-bit integer. */
const maxMaxAgeSeconds = 2 ** 31 - 1;
const methods: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);

/** The rules of a CORSConfiguration, in order. Throws MalformedXML, and InvalidRequest with S3's reasons. */
export function parseCorsConfiguration(document: Uint8Array): readonly CorsRule[] {
  const rules = children(parseXml(document, 'CORSConfiguration'), 'CORSRule');
  if (rules.length === 0) throw new S3Error('MalformedXML');
  if (rules.length > maxRules) {
    throw invalid(`The number of CORS rules should not exceed allowed limit of ${maxRules} rules.`);
  }
  return rules.map(parseRule);
}

function parseRule(node: XmlNode): CorsRule {
  const id = childText(node, 'ID');
  if (id !== undefined && [...id].length > maxIdLength) {
    throw invalid(`ID length should not exceed allowed limit of ${maxIdLength}`);
  }
  const maxAgeSeconds = maxAge(childText(node, 'MaxAgeSeconds'));
  return {
    ...(id === undefined || id === '' ? {} : { id }),
    allowedMethods: atLeastOne(textsOf(node, 'AllowedMethod')).map(checkMethod),
    // An empty origin is taken, as S3 takes it; it matches nobody.
    allowedOrigins: atLeastOne(textsOf(node, 'AllowedOrigin')).map((origin) =>
      checkPattern('AllowedOrigin', origin),
    ),
    allowedHeaders: textsOf(node, 'AllowedHeader').map((header) =>
      checkPattern('AllowedHeader', header),
    ),
    exposeHeaders: textsOf(node, 'ExposeHeader').map(checkExposed),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  };
}

function textsOf(node: XmlNode, name: string): string[] {
  return children(node, name).map(({ text }) => text);
}

function atLeastOne(texts: string[]): string[] {
  if (texts.length === 0) throw new S3Error('MalformedXML');
  return texts;
}

function checkMethod(method: string): string {
  if (methods.has(method)) return method;
  throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
}

function checkPattern(name: string, pattern: string): string {
  if (pattern.indexOf('*') === pattern.lastIndexOf('*')) return pattern;
  throw invalid(`${name} "${pattern}" can not have more than one wildcard.`);
}

function checkExposed(header: string): string {
  if (header.includes('*')) {
    throw invalid(
      `ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
  }
  // It is answered in a header itself, where other characters could not stand.
  if (!headerName.test(header))
    throw invalid(`ExposeHeader "${header}" contains invalid character.`);
  return header;
}

function maxAge(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '') return undefined;
  const seconds = /^\+?[0-9]{1,10}$/.test(trimmed) ? Number(trimmed) : Number.NaN;
  if (seconds <= maxMaxAgeSeconds) return seconds;
  throw new S3Error('MalformedXML');
}

function invalid(message: string): S3Error {
  return new S3Error('InvalidRequest', { message });
}

/** The form in which rules are kept: every answer to another origin reads it, so no XML. */
export function encodeCorsRules(rules: readonly CorsRule[]): Buffer {
  return Buffer.from(JSON.stringify(rules));
}

export function decodeCorsRules(bytes: Uint8Array): readonly CorsRule[] {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
}

/** The children of CORSConfiguration. */
export function corsRuleElements(rules: readonly CorsRule[]): readonly Fragment[] {
  return rules.map((rule) =>
    element(
      'CORSRule',
      optional('ID', rule.id),
      rule.allowedMethods.map((method) => element('AllowedMethod', method)),
      rule.allowedOrigins.map((origin) => element('AllowedOrigin', origin)),
      rule.allowedHeaders.map((header) => element('AllowedHeader', header)),
      optional('MaxAgeSeconds', rule.maxAgeSeconds),
      rule.exposeHeaders.map((header) => element('ExposeHeader', header)),
    ),
  );
}

/** What a page of another origin asks for: Origin and Access-Control-Request-*. */
export interface CorsRequest {
  readonly origin: string;
  readonly method: string;
  /** Access-Control-Request-Headers as sent. */
  readonly headers: string | undefined;
}

/**
 * On every answer that the rules decided about, be it yes or no: a cache that kept the answer to one
 * origin would else give it to another.
 */
export const corsVary: Readonly<Record<string, string>> = {
  Vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
};

/**
 * The headers that let the page have the answer, by the first rule that allows origin, method and
 * every requested header; undefined where none does.
 */
export function allowingHeaders(
  rules: readonly CorsRule[],
  request: CorsRequest,
): Readonly<Record<string, string>> | undefined {
  const { origin, method } = request;
  if (!printable.test(origin)) return undefined;
  let requested: readonly string[] | undefined;
  for (const rule of rules) {
    if (!rule.allowedMethods.includes(method)) continue;
    // `*` beside other origins is still everybody: no origin needs to be named.
    const pattern = rule.allowedOrigins.includes('*')
      ? '*'
      : rule.allowedOrigins.find((allowed) => matches(allowed, origin));
    if (pattern === undefined) continue;
    requested ??= requestedHeaders(request.headers);
    if (requested === undefined) return undefined;
    if (allowsHeaders(rule, requested)) return answerOf(rule, pattern, origin, requested);
  }
  return undefined;
}

/** Origins are ASCII (RFC 6454 section 6.2), and this one goes back in a header. */
const printable = /^[\u0020-\u007e]+$/;

/** Case counts: browsers write origins in lower case and S3 compares them as they are. */
function matches(pattern: string, text: string): boolean {
  return pattern.includes('*') ? fits(ends(pattern), text) : pattern === text;
}

/** What stands before and behind the star. */
type Ends = readonly [start: string, end: string];

function ends(pattern: string): Ends {
  const star = pattern.indexOf('*');
  return [pattern.slice(0, star), pattern.slice(star + 1)];
}

function fits([start, end]: Ends, text: string): boolean {
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}

/**
 * Requests of browsers have some dozen. It bounds what a preflight, which nobody signs, can cost against
 * a configuration of 64 KB of patterns: some milliseconds.
 */
const maxRequestedHeaders = 100;

/** In lower case, each once; undefined for what can be no list of header names. */
function requestedHeaders(header: string | undefined): readonly string[] | undefined {
  const names = (header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const distinct = [...new Set(names)];
  if (distinct.length > maxRequestedHeaders) return undefined;
  return distinct.every((name) => headerName.test(name)) ? distinct : undefined;
}

function allowsHeaders({ allowedHeaders }: CorsRule, requested: readonly string[]): boolean {
  if (requested.length === 0 || allowedHeaders.includes('*')) return true;
  const patterns = new Set(allowedHeaders.map((pattern) => pattern.toLowerCase()));
  // Taken apart once: 64 KB of patterns against 100 names are 200,000 comparisons.
  const wild = [...patterns].filter((pattern) => pattern.includes('*')).map(ends);
  return requested.every(
    (name) => patterns.has(name) || wild.some((pattern) => fits(pattern, name)),
  );
}

/**
 * The origin itself rather than `*` lets the page send credentials (cookies, which mean nothing to
 * S3), as S3 has it; a rule for `*` does not name origins and allows none.
 */
function answerOf(
  rule: CorsRule,
  pattern: string,
  origin: string,
  requested: readonly string[],
): Readonly<Record<string, string>> {
  const { allowedMethods, exposeHeaders, maxAgeSeconds } = rule;
  return {
    'Access-Control-Allow-Origin': pattern === '*' ? '*' : origin,
    'Access-Control-Allow-Methods': allowedMethods.join(', '),
    ...(requested.length > 0 && { 'Access-Control-Allow-Headers': requested.join(', ') }),
    ...(exposeHeaders.length > 0 && { 'Access-Control-Expose-Headers': exposeHeaders.join(', ') }),
    ...(maxAgeSeconds !== undefined && { 'Access-Control-Max-Age': String(maxAgeSeconds) }),
    ...(pattern !== '*' && { 'Access-Control-Allow-Credentials': 'true' }),
    ...corsVary,
  };
}
