/**
 * Tags of objects and of buckets: the documents, the x-amz-tagging header, the limits. Sources: Amazon
 * S3 User Guide, "Categorizing your objects using tags" and "Using cost allocation S3 bucket tags".
 */
import { invalidArgument, S3Error } from './errors.ts';
import { element, type Fragment } from './xml.ts';
import { child, children, parseXml, requiredText, type XmlNode } from './xml-parse.ts';

export type Tags = Readonly<Record<string, string>>;
/** What the tags are of, a bucket that is about to be made included: the refusals differ. */
export type Tagged = 'object' | 'bucket' | 'new bucket';

const maxTags: Readonly<Record<Tagged, number>> = { object: 10, bucket: 50, 'new bucket': 50 };
/** In Unicode characters. */
const maxKeyLength = 128;
const maxValueLength = 256;
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/**
 * Tags of a Tagging document. One without TagSet has none, as S3 reads it. Throws MalformedXML, and
 * InvalidTag as `checkTags`.
 */
export function parseTaggingDocument(document: Uint8Array, tagged: Tagged): Tags {
  return tagsIn(child(parseXml(document, 'Tagging'), 'TagSet'), tagged);
}

/** Tags of an element that has `Tag` children. The same errors. */
export function tagsIn(tagSet: XmlNode | undefined, tagged: Tagged): Tags {
  const nodes = tagSet === undefined ? [] : children(tagSet, 'Tag');
  const tags = nodes.map((tag) => [requiredText(tag, 'Key'), requiredText(tag, 'Value')] as const);
  return checkTags(tags, tagged);
}

/** The child of a Tagging document. */
export function tagSetElement(tags: Iterable<readonly [string, string]>): Fragment {
  return element(
    'TagSet',
    [...tags].map(([key, value]) => element('Tag', element('Key', key), element('Value', value))),
  );
}

/** Tags of x-amz-tagging (`a=1&b=2`, form-encoded); undefined where the header is absent or empty. */
export function parseTagging(header: string | undefined): Tags | undefined {
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
  // `a=1,b=2` is no InvalidTag to S3: it says how the header is to be written.
  if (!tags.flat().every((text) => allowed.test(text))) throw malformedHeader(header);
  return checkTags(tags);
}

/** Throws InvalidTag for too many tags, too long or odd texts, reserved or repeated keys. */
export function checkTags(
  tags: readonly (readonly [string, string])[],
  tagged: Tagged = 'object',
): Tags {
  const limit = maxTags[tagged];
  if (tags.length > limit) {
    const what = tagged === 'object' ? 'Object tags' : 'Bucket tag count';
    throw new S3Error('InvalidTag', { message: `${what} cannot be greater than ${limit}` });
  }
  const seen = new Set<string>();
  for (const [key, value] of tags) {
    if (seen.has(key)) {
      throw invalidTag('Cannot provide multiple Tags with the same key', { TagKey: key });
    }
    if (key.toLowerCase().startsWith('aws:')) throw reservedTag(key, tagged);
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
    seen.add(key);
  }
  return Object.fromEntries(tags);
}

function reservedTag(key: string, tagged: Tagged): S3Error {
  switch (tagged) {
    case 'object':
      return invalidTag('Your TagKey cannot be prefixed with aws:', { TagKey: key });
    case 'bucket':
      return invalidTag('System tags cannot be added/updated by requester', { TagKey: key });
    case 'new bucket':
      return invalidTag(
        'User-defined tag keys can\'t start with "aws:". This prefix is reserved for system tags. Remove "aws:" from your tag keys and try again.',
        {},
      );
  }
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
