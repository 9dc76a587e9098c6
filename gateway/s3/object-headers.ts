/** The headers that S3 keeps with an object as they came, its storage class, and the response-* overrides. */
import { invalidArgument, S3Error } from './errors.ts';
import { type HeaderReader, unsendable } from './headers.ts';

/** What S3 answers where the client named no type. */
export const defaultContentType = 'binary/octet-stream';

const kept = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-language',
  'expires',
] as const;
const redirectHeader = 'x-amz-website-redirect-location';

/**
 * The User Guide ("Working with object metadata") bounds user metadata alone, S3 these too: a
 * Content-Disposition of more is MetadataTooLarge (https://github.com/zapier/zapier-platform/pull/874).
 */
const maxSystemBytes = 2048;
/** "The length is limited to 2 KB." (User Guide, "Configuring a webpage redirect") */
const maxRedirectBytes = 2048;

/**
 * Lower-case names to values, byte for byte as sent; empty and absent headers are left out. Throws
 * MetadataTooLarge and InvalidRedirectLocation.
 */
export function systemHeaders(headers: HeaderReader): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (const name of kept) {
    const value = headers.get(name);
    if (value !== undefined && value !== '') entries.push([name, value]);
  }
  const encoding = contentEncoding(headers.get('content-encoding'));
  if (encoding !== undefined) entries.push(['content-encoding', encoding]);
  checkSize(
    entries.reduce((size, [name, value]) => size + name.length + value.length, 0),
    maxSystemBytes,
  );
  const redirect = headers.get(redirectHeader);
  if (redirect !== undefined && redirect !== '')
    entries.push([redirectHeader, checkRedirect(redirect)]);
  return Object.fromEntries(entries);
}

/**
 * Content-Encoding without aws-chunked, which is about the transfer and no property of the object.
 * Clients send the word on plain bodies too. Undefined where nothing is left.
 */
export function contentEncoding(header: string | undefined): string | undefined {
  if (header === undefined || header.trim() === '') return undefined;
  const codings = header.split(',').map((coding) => coding.trim());
  const others = codings.filter((coding) => coding.toLowerCase() !== 'aws-chunked');
  if (others.length === codings.length) return header;
  return others.length === 0 ? undefined : others.join(', ');
}

function checkSize(size: number, maxSize: number): void {
  if (size <= maxSize) return;
  throw new S3Error('MetadataTooLarge', {
    fields: { Size: String(size), MaxSizeAllowed: String(maxSize) },
  });
}

function checkRedirect(location: string): string {
  checkSize(location.length, maxRedirectBytes);
  if (/^(\/|https?:\/\/)/.test(location)) return location;
  throw new S3Error('InvalidRedirectLocation');
}

/** Those that S3 takes in an ordinary bucket. All are stored alike here. */
const storageClasses: ReadonlySet<string> = new Set([
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'GLACIER_IR',
  'DEEP_ARCHIVE',
]);

/** x-amz-storage-class, STANDARD where it is absent. Throws InvalidStorageClass. */
export function storageClass(headers: HeaderReader): string {
  const value = headers.get('x-amz-storage-class') ?? 'STANDARD';
  if (storageClasses.has(value)) return value;
  throw new S3Error('InvalidStorageClass', { fields: { StorageClassRequested: value } });
}

/** STANDARD is not answered, as S3 does it. */
export function storageClassHeader(value: string): Readonly<Record<string, string>> {
  return value === 'STANDARD' ? nothing : { 'x-amz-storage-class': value };
}

const overrides = [
  ['response-content-type', 'content-type'],
  ['response-content-language', 'content-language'],
  ['response-expires', 'expires'],
  ['response-cache-control', 'cache-control'],
  ['response-content-disposition', 'content-disposition'],
  ['response-content-encoding', 'content-encoding'],
] as const;
const nothing: Readonly<Record<string, string>> = {};

/**
 * Headers (lower case) that the query's response-* parameters set. Throws InvalidArgument for a value
 * that no header can carry.
 */
export function responseOverrides(query: {
  get(name: string): string | undefined;
}): Readonly<Record<string, string>> {
  let headers = nothing;
  for (const [parameter, header] of overrides) {
    const value = query.get(parameter);
    // As an empty header that is sent: there is nothing to say.
    if (value === undefined || value === '') continue;
    if (unsendable.test(value)) {
      throw invalidArgument(
        parameter,
        value,
        'Header value cannot be represented using ISO-8859-1.',
      );
    }
    headers = { ...headers, [header]: value };
  }
  return headers;
}
