/**
 * The fields of a browser's form upload and what they mean. Everything that PutObject takes from
 * headers comes as a field here. Source: "POST Object", Amazon S3 API Reference,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
 */
import { invalidArgument, notImplemented, S3Error } from './errors.ts';
import type { HeaderReader } from './headers.ts';
import { checkTags } from './tagging.ts';
import { child, children, parseXml, requiredText } from './xml-parse.ts';

/** Fields up to the file: lower-case names to values, in the order they came. */
export type FormFields = ReadonlyMap<string, string>;

// biome-ignore lint/suspicious/noTemplateCurlyInString: it is how S3 writes the variable.
const fileNameVariable = '${filename}';
/** Signed over as they were sent. */
const neverExpanded: ReadonlySet<string> = new Set(['policy', 'signature', 'x-amz-signature']);

/**
 * "If the browser or client provides a full or partial path to the file, only the text following the
 * last slash (/) or backslash (\) is used." '' where the file has no name.
 */
export function baseName(fileName: string | undefined): string {
  return (fileName ?? '').replace(/^[\s\S]*[/\\]/, '');
}

/** With `${filename}` replaced in every field, once: a file name that contains it is left as it is. */
export function withFileName(fields: FormFields, fileName: string): FormFields {
  return new Map(
    [...fields].map(([name, value]) => [
      name,
      neverExpanded.has(name) ? value : value.replaceAll(fileNameVariable, () => fileName),
    ]),
  );
}

/** The field `key`. Throws InvalidArgument where there is none or it is empty. */
export function keyField(fields: FormFields): string {
  const key = fields.get('key');
  if (key === undefined) {
    throw invalidArgument(
      'key',
      '',
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
    );
  }
  if (key === '') {
    throw invalidArgument('key', '', 'User key must have a length greater than 0.');
  }
  return key;
}

/** Fields that mean what the header of the same name means for PutObject, beside x-amz-*. */
const sameAsHeader: ReadonlySet<string> = new Set([
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-md5',
  'content-type',
  'expires',
]);
/** x-amz-* fields about the signature; and one that would announce a trailer, which no form has. */
const notOfObject: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-signature',
  'x-amz-trailer',
]);
/** Conditional writes are PutObject's, CopyObject's and CompleteMultipartUpload's. */
const conditions: readonly string[] = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
];
const metadataPrefix = 'x-amz-meta-';
/** What no stored header could be answered with again. */
const controls = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * The fields as the headers that a PutObject of the same object would have: values are one character
 * per byte of their UTF-8 form, as headers come. Throws InvalidArgument for control characters,
 * NotImplemented for a condition, and for `tagging` MalformedXML and InvalidTag.
 */
export function headersOfForm(fields: FormFields): HeaderReader {
  for (const name of conditions) if (fields.has(name)) throw notImplemented(name);
  const headers = new Map<string, string>();
  for (const [name, value] of fields) {
    const isOfObject = name.startsWith('x-amz-') && !notOfObject.has(name);
    if (!isOfObject && !sameAsHeader.has(name)) continue;
    if (!name.startsWith(metadataPrefix) && controls.test(value)) {
      throw invalidArgument(name, value, 'Header value cannot be represented using ISO-8859-1.');
    }
    headers.set(name, Buffer.from(value).toString('latin1'));
  }
  const acl = fields.get('acl');
  if (acl !== undefined) headers.set('x-amz-acl', acl);
  const tagging = fields.get('tagging');
  if (tagging !== undefined) headers.set('x-amz-tagging', tagsAsHeader(tagging));
  const algorithm = headers.get('x-amz-checksum-algorithm');
  if (algorithm !== undefined) headers.set('x-amz-sdk-checksum-algorithm', algorithm);
  return {
    get: (name) => headers.get(name),
    withPrefix: (prefix) => [...headers].filter(([name]) => name.startsWith(prefix)),
  };
}

/** The field is a document, `<Tagging><TagSet>...`; the header is form-encoded. */
function tagsAsHeader(document: string): string {
  const tagSet = child(parseXml(Buffer.from(document), 'Tagging'), 'TagSet');
  if (tagSet === undefined) throw new S3Error('MalformedXML');
  const tags = checkTags(
    children(tagSet, 'Tag').map(
      (tag) => [requiredText(tag, 'Key'), requiredText(tag, 'Value')] as const,
    ),
  );
  return Object.entries(tags)
    .map((pair) => pair.map(encodeURIComponent).join('='))
    .join('&');
}

/** What the client wants to be answered. */
export type SuccessAction =
  | { readonly kind: 'redirect'; readonly url: URL }
  | { readonly kind: 'status'; readonly status: 200 | 201 | 204 };

/**
 * success_action_redirect (or `redirect`, its old name) where it is a URL, else
 * success_action_status. "If the value is not set or is set to an invalid value, Amazon S3 returns an
 * empty document with a 204 status code."
 */
export function successAction(fields: FormFields): SuccessAction {
  const url = httpUrl(fields.get('success_action_redirect') ?? fields.get('redirect'));
  if (url !== undefined) return { kind: 'redirect', url };
  switch (fields.get('success_action_status')) {
    case '200':
      return { kind: 'status', status: 200 };
    case '201':
      return { kind: 'status', status: 201 };
    default:
      return { kind: 'status', status: 204 };
  }
}

function httpUrl(text: string | undefined): URL | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
