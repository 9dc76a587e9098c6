/** Object tags: the x-amz-tagging header and the limits. Source: Amazon S3 User Guide, "Categorizing your objects using tags". */
import { invalidArgument, S3Error } from './errors.ts';

const maxTags = 10;
/** In Unicode characters. */
const maxKeyLength = 128;
const maxValueLength = 256;
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Tags of x-amz-tagging (`a=1&b=2`, form-encoded); undefined where the header is absent or empty. */
export function parseTagging(
  header: string | undefined,
): Readonly<Record<string, string>> | undefined {
  if (header === undefined || header === '') return undefined;
  const tags = header
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const key = equals === -1 ? pair : pair.slice(0, equals);
      const value = equals === -1 ? '' : pair.slice(equals + 1);
      return [decodeForm(key, header), decodeForm(value, header)] as const;
    });
  if (new Set(tags.map(([key]) => key)).size < tags.length) throw malformedHeader(header);
  return checkTags(tags);
}

/** Throws InvalidTag for too many tags, too long or odd texts, reserved or repeated keys. */
export function checkTags(
  tags: readonly (readonly [string, string])[],
): Readonly<Record<string, string>> {
  if (tags.length > maxTags) {
    throw new S3Error('InvalidTag', { message: `Object tags cannot be greater than ${maxTags}` });
  }
  const seen = new Set<string>();
  for (const [key, value] of tags) {
    const keyLength = [...key].length;
    if (keyLength === 0 || keyLength > maxKeyLength || !allowed.test(key)) {
      throw invalidTag('The TagKey you have provided is invalid', { TagKey: key });
    }
    if ([...value].length > maxValueLength || !allowed.test(value)) {
      throw invalidTag('The TagValue you have provided is invalid', {
        TagKey: key,
        TagValue: value,
      });
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw invalidTag('System tags cannot be added/updated by requester', { TagKey: key });
    }
    if (seen.has(key)) {
      throw invalidTag('Cannot provide multiple Tags with the same key', { TagKey: key });
    }
    seen.add(key);
  }
  return Object.fromEntries(tags);
}

function invalidTag(message: string, fields: Readonly<Record<string, string>>): S3Error {
  return new S3Error('InvalidTag', { message, fields });
}

/** The header is form-encoded, so here a plus is a space (in URLs it is not). */
function decodeForm(text: string, header: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw malformedHeader(header);
  }
}

function malformedHeader(header: string): S3Error {
  return invalidArgument(
    'x-amz-tagging',
    header,
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
  );
}
