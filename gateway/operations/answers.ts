/** The forms that the answers of several operations share: documents, times, ETags, owners. */
import type { Bucket, Namespace } from '../namespace/namespace.ts';
import { anonymousId, anonymousName, ownerOf } from '../s3/acl.ts';
import { closeDocument, type MarkupBytes } from '../s3/markup-bytes.ts';
import { type Child, document, element, type Fragment } from '../s3/xml.ts';
import type { ListedLines } from './listed-lines.ts';
import type { S3Response } from './operation.ts';

/** 200 with a document in S3's namespace. */
export function xmlAnswer(root: string, ...children: readonly Child[]): S3Response {
  return {
    status: 200,
    headers: { 'Content-Type': 'application/xml' },
    body: document(root, ...children),
  };
}

/** Shorter documents have memory of their own. */
const lentFromBytes = 32 * 1024;

/** The same with lines behind that are bytes already. */
export function xmlListAnswer(
  root: string,
  before: readonly Child[],
  { lines, commonPrefixes }: ListedLines,
): S3Response {
  closeDocument(root, before, lines, commonPrefixes);
  const { length } = lines.written();
  const headers = { 'Content-Type': 'application/xml' };
  if (length >= lentFromBytes) {
    return {
      status: 200,
      headers: { ...headers, 'Content-Length': String(length) },
      body: lent(lines),
    };
  }
  const body = Buffer.from(lines.written());
  lines.giveBack();
  return { status: 200, headers, body };
}

/** Who asks for more has sent what there is, and who does not may still look at it. */
async function* lent(document: MarkupBytes): AsyncGenerator<Buffer> {
  yield document.written();
  document.giveBack();
}

export function noContent(headers: Readonly<Record<string, string>> = {}): S3Response {
  return { status: 204, headers };
}

export function quoted(etag: string): string {
  return `"${etag}"`;
}

/**
 * `<Owner>` of many entries: the user is looked up once per id. A user who was removed keeps the id
 * and stands in for the name.
 */
export class Owners {
  private readonly namespace: Namespace;
  private readonly idShown: (id: string) => string;
  private readonly known = new Map<string, Fragment[]>();

  constructor(namespace: Namespace, idShown: (id: string) => string = (id) => id) {
    this.namespace = namespace;
    this.idShown = idShown;
  }

  /** `<Owner>`, or `<Initiator>`. */
  element(id: string, name = 'Owner'): Fragment {
    return element(name, this.fields(id));
  }

  /** `<Owner>` of an object or upload: the bucket's where ACLs are disabled. */
  ownerOf(bucket: Bucket, object: { readonly ownerId: string }): Fragment {
    return this.element(ownerOf(bucket, object));
  }

  /** `<ID>` and `<DisplayName>`, as a grantee has them too. */
  fields(id: string): readonly Fragment[] {
    let fields = this.known.get(id);
    if (fields === undefined) {
      const fallback = id === anonymousId ? anonymousName : id;
      const displayName = this.namespace.user(id)?.displayName ?? fallback;
      fields = [element('ID', this.idShown(id)), element('DisplayName', displayName)];
      this.known.set(id, fields);
    }
    return fields;
  }
}

export const noHeaders: Readonly<Record<string, string>> = {};

/** The header that names a version that is read; none where the bucket never had versioning on. */
export function versionHeader(
  bucket: Pick<Bucket, 'versioning'>,
  versionId: string,
): Readonly<Record<string, string>> {
  return bucket.versioning === 'Unversioned' ? noHeaders : { 'x-amz-version-id': versionId };
}

/** The same on the answer to a write, where the null version of a suspended bucket is not named. */
export function newVersionHeader(
  bucket: Pick<Bucket, 'versioning'>,
  versionId: string,
): Readonly<Record<string, string>> {
  return namesNewVersion(bucket) ? { 'x-amz-version-id': versionId } : noHeaders;
}

export function namesNewVersion({ versioning }: Pick<Bucket, 'versioning'>): boolean {
  return versioning === 'Enabled';
}
