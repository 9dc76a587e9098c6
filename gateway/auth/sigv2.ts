/**
 * Signature Version 2 as pure functions: strings in, strings out. Old clients and forms use it. It
 * signs neither the body nor most headers nor the Host, and of the query only what `signedNames`
 * has, decoded, so that `a=b%26c=d` and `a=b&c=d` are one text: it is served only where the operator
 * says so.
 *
 * Source: "Signing and authenticating REST requests (AWS signature version 2)",
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html
 *
 * Text has one character per byte, as Node hands out headers and URLs.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { trimBlanks } from '../s3/headers.ts';
import type { Pair } from './sigv4.ts';

/** HMAC-SHA1 in base64: 28 characters. */
export function signatureV2Of(secret: string, text: string): string {
  return createHmac('sha1', secret).update(text, 'latin1').digest('base64');
}

/** Compares in time that does not depend on where they differ; a signature's length is no secret. */
export function signaturesV2Equal(computed: string, provided: string): boolean {
  const a = Buffer.from(computed);
  const b = Buffer.from(provided);
  return b.length === a.length && timingSafeEqual(a, b);
}

/**
 * Parameters that clients sign: the page's list, and what the SDKs had in theirs beyond it. The
 * sub-resources of the operation table belong to it too, wherever this list is used to verify.
 */
export const signedNames: ReadonlySet<string> = new Set([
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'defaultObjectAcl',
  'delete',
  'inventory',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'partNumber',
  'policy',
  'replication',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'restore',
  'select',
  'select-type',
  'storageClass',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

export interface StringToSignParts {
  readonly method: string;
  /** Values of these headers, '' where absent. */
  readonly contentMd5: string;
  readonly contentType: string;
  /** The Date header; '' where X-Amz-Date stands for it; the time of Expires in a URL. */
  readonly dateLine: string;
  /** From `amzHeaderLines`. */
  readonly amzHeaders: string;
  /** From `resourceText`. */
  readonly resource: string;
}

export function stringToSignV2(parts: StringToSignParts): string {
  const { method, contentMd5, contentType, dateLine, amzHeaders, resource } = parts;
  return `${method}\n${contentMd5}\n${contentType}\n${dateLine}\n${amzHeaders}${resource}`;
}

/** A line per x-amz-* header, sorted by name in lower case; repeats joined with a comma. */
export function amzHeaderLines(headers: readonly Pair[]): string {
  const values = new Map<string, string>();
  for (const [rawName, rawValue] of headers) {
    const name = rawName.toLowerCase();
    if (!name.startsWith('x-amz-')) continue;
    const value = trimBlanks(rawValue);
    const earlier = values.get(name);
    values.set(name, earlier === undefined ? value : `${earlier},${value}`);
  }
  return [...values.keys()]
    .sort()
    .map((name) => `${name}:${values.get(name)}\n`)
    .join('');
}

export interface Resource {
  /** Still percent-encoded; it begins with the bucket, be that named by the path or by the Host. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly isSigned: (name: string) => boolean;
}

/** The resource line: the path as it is in the URL, the signed parameters decoded. */
export function resourceText(resource: Resource): string {
  const { path, parameters, isSigned } = resource;
  const query = parameters
    .filter(({ name }) => isSigned(name))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
    .map(({ name, value }) => (value === undefined ? name : `${name}=${value}`))
    .join('&');
  return query === '' ? path : `${path}?${query}`;
}

export interface Parameter {
  readonly name: string;
  /** Undefined for one without an equals sign. */
  readonly value: string | undefined;
}

/** The query's parameters, decoded to bytes, in order, repeats kept. A plus is a plus. */
export function decodedParameters(rawQuery: string): Parameter[] {
  const parameters: Parameter[] = [];
  for (const part of rawQuery.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    parameters.push(
      equals < 0
        ? { name: decodeBytes(part), value: undefined }
        : { name: decodeBytes(part.slice(0, equals)), value: decodeBytes(part.slice(equals + 1)) },
    );
  }
  return parameters;
}

/** A `%` without two hex digits stands for itself. */
function decodeBytes(text: string): string {
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
