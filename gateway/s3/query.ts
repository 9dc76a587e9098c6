/**
 * The request target: splitting, percent decoding, addressing (which bucket, which key), and the
 * query. Everything starts from the raw URL and is decoded once: `%2F` belongs to the key, `%25ff` is
 * the key `%ff`, and plus is a plus. RFC 3986; Amazon S3 User Guide, "Virtual hosting of buckets".
 */
import { S3Error } from './errors.ts';

export interface Target {
  /** Still percent-encoded. Begins with '/', or is '*' (OPTIONS of the whole server). */
  readonly rawPath: string;
  /** Behind the '?', still percent-encoded; '' where there is none. */
  readonly rawQuery: string;
}

const absoluteForm = /^https?:\/\/[^/?]*/i;

/** Splits a request target as it came over the wire; the absolute form (RFC 9112 section 3.2.2) too. */
export function splitTarget(rawUrl: string): Target {
  const target = rawUrl.startsWith('/') ? rawUrl : rawUrl.replace(absoluteForm, '');
  const mark = target.indexOf('?');
  const rawPath = mark === -1 ? target : target.slice(0, mark);
  return {
    rawPath: rawPath === '' ? '/' : rawPath,
    rawQuery: mark === -1 ? '' : target.slice(mark + 1),
  };
}

export interface Address {
  /** Decoded; '' for the service itself. Not yet checked against the naming rules. */
  readonly bucket: string;
  /** Decoded; '' for the bucket. */
  readonly key: string;
  /** Percent-encoded as the client wrote it. */
  readonly rawKey: string;
  readonly style: 'path' | 'virtual-host';
}

export interface AddressInput {
  readonly rawPath: string;
  /** The Host header, with or without a port. */
  readonly host: string | undefined;
  /** Domains under which hosts name buckets: `s3.example.com` serves `bucket.s3.example.com`. */
  readonly domains: readonly string[];
}

/**
 * Bucket and key of a request. `/b` and `/b/` are the bucket. Throws InvalidURI for a path that does
 * not begin with '/' or does not decode, InvalidBucketName for `//key` in path style.
 */
export function address(input: AddressInput): Address {
  const { rawPath } = input;
  if (!rawPath.startsWith('/')) throw invalidUri(rawPath);
  const hostBucket = bucketOfHost(input.host, input.domains);
  if (hostBucket !== undefined) {
    const rawKey = rawPath.slice(1);
    return { bucket: hostBucket, key: percentDecode(rawKey), rawKey, style: 'virtual-host' };
  }
  const slash = rawPath.indexOf('/', 1);
  const rawBucket = slash === -1 ? rawPath.slice(1) : rawPath.slice(1, slash);
  const rawKey = slash === -1 ? '' : rawPath.slice(slash + 1);
  if (rawBucket === '' && slash !== -1) {
    throw new S3Error('InvalidBucketName', { fields: { BucketName: '' } });
  }
  return { bucket: percentDecode(rawBucket), key: percentDecode(rawKey), rawKey, style: 'path' };
}

/** The bucket that a Host names, undefined where it names none. The longest domain wins. */
export function bucketOfHost(
  host: string | undefined,
  domains: readonly string[],
): string | undefined {
  if (host === undefined || domains.length === 0) return undefined;
  const name = host
    .replace(/:[0-9]*$/, '')
    .replace(/\.$/, '')
    .toLowerCase();
  let bucket: string | undefined;
  for (const domain of domains) {
    const suffix = domain.toLowerCase();
    if (name === suffix) return undefined;
    if (!name.endsWith(`.${suffix}`)) continue;
    const candidate = name.slice(0, -suffix.length - 1);
    if (candidate !== '' && (bucket === undefined || candidate.length < bucket.length)) {
      bucket = candidate;
    }
  }
  return bucket;
}

/** Anything but printable ASCII must be percent-encoded in a URL. */
const unencoded = /[^\u0021-\u007e]/;

/** Decodes once, strictly. Throws InvalidURI for a bad escape, invalid UTF-8 or raw non-ASCII. */
export function percentDecode(raw: string): string {
  if (unencoded.test(raw)) throw invalidUri(raw);
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw invalidUri(raw, cause);
  }
}

function invalidUri(raw: string, cause?: unknown): S3Error {
  return new S3Error('InvalidURI', { fields: { URI: raw }, cause });
}

/** Query parameters, decoded, in order, repeats kept. Plus stays plus. */
export class QueryParameters {
  readonly entries: readonly (readonly [string, string])[];
  private readonly first: ReadonlyMap<string, string>;

  constructor(entries: readonly (readonly [string, string])[]) {
    this.entries = entries;
    this.first = new Map([...entries].reverse());
  }

  /** Undefined when absent; '' for a parameter without value. The first of several. */
  get(name: string): string | undefined {
    return this.first.get(name);
  }

  has(name: string): boolean {
    return this.first.has(name);
  }
}

const noParameters = new QueryParameters([]);

/** Parses the raw query. Throws InvalidURI where a name or value does not decode. */
export function parseQuery(rawQuery: string): QueryParameters {
  if (rawQuery === '') return noParameters;
  const entries: [string, string][] = [];
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals);
    const value = equals === -1 ? '' : pair.slice(equals + 1);
    entries.push([percentDecode(name), percentDecode(value)]);
  }
  return new QueryParameters(entries);
}

/** What encodeURIComponent leaves alone and S3 does not. */
const subDelimiters = /[!'()*]/g;

/**
 * Percent-encodes the way S3 does: everything but A-Z a-z 0-9 - . _ ~, in upper-case hexadecimal of
 * the UTF-8 bytes; space is %20. `keepSlash` for keys.
 * Source: "UriEncode" in the Amazon S3 API Reference, "Signature calculations".
 */
export function encodeUri(text: string, options: { readonly keepSlash: boolean }): string {
  const encoded = encodeURIComponent(text).replace(
    subDelimiters,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return options.keepSlash ? encoded.replaceAll('%2F', '/') : encoded;
}
