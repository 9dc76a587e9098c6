/**
 * User metadata: from x-amz-meta-* headers to text and back. What a client sends as UTF-8 bytes or as
 * RFC 2047 words is kept as text; what is not plain ASCII is answered as one encoded word, in the
 * form that S3 itself chooses.
 * Source: Amazon S3 User Guide, "Working with object metadata".
 */
import { S3Error } from './errors.ts';
import { type HeaderReader, headerName } from './headers.ts';

const prefix = 'x-amz-meta-';
/** Over names (without the prefix) and values, in UTF-8. */
const maxMetadataBytes = 2048;

/** Names (lower case, without the prefix) to values. Throws MetadataTooLarge. */
export function userMetadata(headers: HeaderReader): Readonly<Record<string, string>> {
  const entries = headers
    .withPrefix(prefix)
    .map(([name, value]) => [name.slice(prefix.length), headerText(value)] as const);
  let size = 0;
  for (const [name, value] of entries) size += Buffer.byteLength(name) + Buffer.byteLength(value);
  if (size > maxMetadataBytes) {
    throw new S3Error('MetadataTooLarge', {
      fields: { Size: String(size), MaxSizeAllowed: String(maxMetadataBytes) },
    });
  }
  return Object.fromEntries(entries);
}

const plainText = /^[\t\u0020-\u007e]*$/;
/** What Jakarta Mail, by which S3 encodes, takes for ASCII. CR and LF count as that, and are encoded. */
const ascii = /[\t\n\r\u0020-\u007e]/g;

/**
 * The headers that answer it. Entries whose name no header can have (an upload form may name them so)
 * are left out and counted in x-amz-missing-meta.
 */
export function metadataHeaders(
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length === 0) return {};
  const headers: [string, string][] = [];
  let missing = 0;
  for (const [name, value] of entries) {
    if (!headerName.test(name)) missing += 1;
    else headers.push([prefix + name, encodeText(value)]);
  }
  if (missing > 0) headers.push(['x-amz-missing-meta', String(missing)]);
  return Object.fromEntries(headers);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Node hands over header bytes as latin1. They are UTF-8 where they can be, else latin1. */
function headerText(value: string): string {
  let text = value;
  if (/[\u0080-\u00ff]/.test(value)) {
    try {
      text = utf8.decode(Buffer.from(value, 'latin1'));
    } catch {
      // Not UTF-8: each byte is a character.
    }
  }
  return decodeWords(text);
}

/**
 * Plain text as it is, though it read as an encoded word itself. Other text as quoted characters where
 * more than half of it is ASCII, else in base64. One word, whatever its length: S3 does not break it
 * where RFC 2047 section 2 would.
 */
function encodeText(text: string): string {
  if (plainText.test(text)) return text;
  const plain = text.match(ascii)?.length ?? 0;
  if (plain <= text.length - plain) {
    return `=?UTF-8?B?${Buffer.from(text).toString('base64')}?=`;
  }
  const quoted = Buffer.from(text)
    .toString('latin1')
    .replace(/[^\u0021-\u003c\u003e\u0040-\u005e\u0060-\u007e]/g, quotedByte);
  return `=?UTF-8?Q?${quoted}?=`;
}

/** Everything but printable ASCII, and of that `=`, `_` and `?` (RFC 2047 section 4.2). */
function quotedByte(byte: string): string {
  if (byte === ' ') return '_';
  return `=${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

const encodedWord = /=\?([A-Za-z0-9_-]+)\?([BbQq])\?([^?\s]*)\?=/g;
/** Space between two encoded words belongs to neither (RFC 2047 section 6.2). */
const betweenWords =
  /(=\?[A-Za-z0-9_-]+\?[BbQq]\?[^?\s]*\?=)\s+(?==\?[A-Za-z0-9_-]+\?[BbQq]\?[^?\s]*\?=)/g;

/** Decodes RFC 2047 words of UTF-8, US-ASCII and ISO-8859-1; others stay as they are. */
function decodeWords(text: string): string {
  if (!text.includes('=?')) return text;
  return text.replace(betweenWords, '$1').replace(encodedWord, decodeWord);
}

function decodeWord(word: string, charset: string, encoding: string, content: string): string {
  const bytes = encoding.toUpperCase() === 'B' ? base64Bytes(content) : quotedBytes(content);
  if (bytes === undefined) return word;
  switch (charset.toLowerCase()) {
    case 'utf-8':
    case 'utf8':
    case 'us-ascii':
      try {
        return utf8.decode(bytes);
      } catch {
        return word;
      }
    case 'iso-8859-1':
      return bytes.toString('latin1');
    default:
      return word;
  }
}

function base64Bytes(content: string): Buffer | undefined {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(content) ? Buffer.from(content, 'base64') : undefined;
}

function quotedBytes(content: string): Buffer | undefined {
  if (/=(?![0-9A-Fa-f]{2})/.test(content) || /[^\u0021-\u007e]/.test(content)) return undefined;
  const latin1 = content
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  return Buffer.from(latin1, 'latin1');
}
