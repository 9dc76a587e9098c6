/**
 * Signature Version 4 as pure functions: strings in, strings out. It knows no request object, no
 * clock and no users. Both ends of a connection compute the same strings, so the same functions
 * serve to verify (authenticate.ts) and, in tests, to sign.
 *
 * Sources: "Authenticating Requests: Using the Authorization Header" and its three pages on single
 * chunks, chunked uploads and trailers, Amazon S3 API Reference.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html
 *
 * Text that comes off the wire has one character per byte, as Node hands out headers and URLs; it
 * is hashed as those bytes. (Decoding it as UTF-8 first would lose bytes that are not UTF-8.)
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { HmacKey } from './hmac.ts';
import { sha256Hex } from './sha256.ts';

export const algorithm = 'AWS4-HMAC-SHA256';
export const service = 's3';
export const terminator = 'aws4_request';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';
/** SHA-256 of no bytes, which stands in every chunk's string to sign. */
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const signatureLength = 64;

/** What a signature covers: a day, a region and a service. */
export interface Scope {
  /** yyyymmdd */
  readonly date: string;
  readonly region: string;
}

export function scopeText(scope: Scope): string {
  return `${scope.date}/${scope.region}/${service}/${terminator}`;
}

/** A header or query parameter as it stands on the wire. */
export type Pair = readonly [name: string, value: string];

// --- percent-encoding

/**
 * For each byte its form in a canonical request: itself where RFC 3986 calls it unreserved,
 * `%XX` in upper case everywhere else.
 */
const encodedByte: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return /[A-Za-z0-9\-._~]/.test(character)
    ? character
    : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
});
const encodedSlash = '%2F';

const onlyUnreserved = /^[A-Za-z0-9\-._~]*$/;
const onlyUnreservedAndSlash = /^[A-Za-z0-9\-._~/]*$/;

/**
 * Decodes percent-encoding and encodes again, so that clients agree which encode differently
 * (`%7e`, `%7E` and `~`; a raw `*` or `%2A`). Works on bytes: an escape that is not UTF-8 keeps its
 * value. A `%` without two hex digits stands for itself, a `+` for a plus.
 */
function reencode(text: string, slash: string): string {
  let encoded = '';
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2f) {
      encoded += slash;
    } else if (code === 0x25) {
      const byte = hexByte(text, at + 1);
      if (byte === undefined) {
        encoded += '%25';
      } else {
        encoded += encodedByte[byte];
        at += 2;
      }
    } else if (code < 0x100) {
      encoded += encodedByte[code];
    } else {
      // Never from the wire, where a character is a byte: callers with real text mean UTF-8.
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0xfffd);
      for (const byte of Buffer.from(character)) encoded += encodedByte[byte];
      at += character.length - 1;
    }
  }
  return encoded;
}

function hexByte(text: string, at: number): number | undefined {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high < 0 || low < 0 ? undefined : high * 16 + low;
}

/** -1 for what is no hex digit (NaN, past the end, included). */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

/**
 * The path line. S3 differs from other services: the path is not normalised (`//`, `.` and `..` are
 * parts of keys) and not encoded a second time.
 */
export function canonicalPath(rawPath: string): string {
  if (rawPath === '') return '/';
  return onlyUnreservedAndSlash.test(rawPath) ? rawPath : reencode(rawPath, '/');
}

const noParameters: readonly Pair[] = [];

/** The query's parameters in canonical encoding, in the order of the URL, repeats kept. */
export function canonicalParameters(rawQuery: string): readonly Pair[] {
  if (rawQuery === '') return noParameters;
  const parameters: Pair[] = [];
  for (const part of rawQuery.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    parameters.push(
      equals < 0
        ? [canonicalComponent(part), '']
        : [canonicalComponent(part.slice(0, equals)), canonicalComponent(part.slice(equals + 1))],
    );
  }
  return parameters;
}

function canonicalComponent(text: string): string {
  return onlyUnreserved.test(text) ? text : reencode(text, encodedSlash);
}

/**
 * The query line: sorted by encoded name, then by value. Pairs are compared, not `name=value` as
 * one text: `=` sorts behind `-`, which would put `a-b` before `a`.
 */
export function canonicalQuery(parameters: readonly Pair[]): string {
  if (parameters.length === 0) return '';
  return parameters
    .toSorted(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

// --- headers

const needsTrimming = /^[ \t]|[ \t]$|\t| {2}/;

/** Most values have no blank at all, which is seen faster than by an expression. */
function trimmed(value: string): string {
  if (!value.includes(' ') && !value.includes('\t')) return value;
  if (!needsTrimming.test(value)) return value;
  return value.replace(/[ \t]+/g, ' ').replace(/^ | $/g, '');
}

/**
 * Header values by lower-case name: trimmed, runs of blanks collapsed to one, repeats joined with a
 * comma in order. Only blank and tab count as white space: JavaScript's `\s` has U+00A0 in it, which
 * here may be the second byte of an à. `onRepeat` is told the name of each header that came before.
 */
export function canonicalHeaderValues(
  rawHeaders: readonly Pair[],
  onRepeat?: (name: string) => void,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [rawName, rawValue] of rawHeaders) {
    const name = rawName.toLowerCase();
    const value = trimmed(rawValue);
    const earlier = values.get(name);
    if (earlier !== undefined) onRepeat?.(name);
    values.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return values;
}

export interface CanonicalParts {
  readonly method: string;
  /** From `canonicalPath`. */
  readonly path: string;
  /** From `canonicalQuery`. */
  readonly query: string;
  /** From `canonicalHeaderValues`. */
  readonly headers: ReadonlyMap<string, string>;
  /** Lower case, sorted. One that the request does not have counts as empty. */
  readonly signedHeaders: readonly string[];
  /** The last line: a SHA-256 in hex or one of the words of x-amz-content-sha256. */
  readonly payloadHash: string;
}

export function canonicalRequest(parts: CanonicalParts): string {
  let headerLines = '';
  let names = '';
  for (const name of parts.signedHeaders) {
    headerLines += `${name}:${parts.headers.get(name) ?? ''}\n`;
    names += names === '' ? name : `;${name}`;
  }
  return `${parts.method}\n${parts.path}\n${parts.query}\n${headerLines}\n${names}\n${parts.payloadHash}`;
}

// --- strings to sign and signatures

/** `dateLine` is the request's time, as `20130524T000000Z`. */
export function stringToSign(canonical: string, dateLine: string, scope: Scope): string {
  return `${algorithm}\n${dateLine}\n${scopeText(scope)}\n${sha256Hex(canonical)}`;
}

/** `chunkSha256` in hex; `previousSignature` is the request's own for the first chunk. */
export function chunkStringToSign(
  dateLine: string,
  scope: Scope,
  previousSignature: string,
  chunkSha256: string,
): string {
  return `${algorithm}-PAYLOAD\n${dateLine}\n${scopeText(scope)}\n${previousSignature}\n${emptySha256}\n${chunkSha256}`;
}

/** `trailerSha256` is of the trailer's lines, `name:value\n` each; `previousSignature` the last chunk's. */
export function trailerStringToSign(
  dateLine: string,
  scope: Scope,
  previousSignature: string,
  trailerSha256: string,
): string {
  return `${algorithm}-TRAILER\n${dateLine}\n${scopeText(scope)}\n${previousSignature}\n${trailerSha256}`;
}

/** The key for one day, region and service. As secret as the secret itself for that day. */
export function deriveSigningKey(secret: string, scope: Scope): HmacKey {
  const dateKey = hmac(`AWS4${secret}`, scope.date);
  const regionKey = hmac(dateKey, scope.region);
  const serviceKey = hmac(regionKey, service);
  return new HmacKey(hmac(serviceKey, terminator));
}

/** 64 hex digits. */
export function signatureOf(signingKey: HmacKey, text: string): string {
  return signingKey.hexOf(text);
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/**
 * Compares in time that does not depend on where they differ. How long a signature is, is no secret: what
 * cannot be one is refused at once. As UTF-8, in which no other character has the bytes of a digit.
 */
export function signaturesEqual(computed: string, provided: string): boolean {
  if (provided.length !== signatureLength) return false;
  computedBytes.write(computed, 'utf8');
  // A character that needs more bytes than are left is not written at all.
  if (providedBytes.write(provided, 'utf8') !== signatureLength) return false;
  return timingSafeEqual(computedBytes, providedBytes);
}

const computedBytes = Buffer.alloc(signatureLength);
const providedBytes = Buffer.alloc(signatureLength);
