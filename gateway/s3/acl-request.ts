/**
 * Access control lists as requests give them and answers show them: x-amz-acl, x-amz-grant-*, and the
 * AccessControlPolicy document.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html
 */
import {
  type Acl,
  type AclSubject,
  aclOf,
  type CannedAcl,
  type Grant,
  type Grantee,
  grantsOf,
  groups,
  imageReaderId,
  isCannedAcl,
  isOfKind,
  type Permission,
  permissions,
} from './acl.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { HeaderReader } from './headers.ts';
import { element, elementWith, type Fragment } from './xml.ts';
import { child, children, childText, parseXml, type XmlNode } from './xml-parse.ts';

const xsi = 'http://www.w3.org/2001/XMLSchema-instance';

const grantPrefix = 'x-amz-grant-';
const grantHeaders: Readonly<Record<string, Permission>> = {
  'x-amz-grant-full-control': 'FULL_CONTROL',
  'x-amz-grant-read': 'READ',
  'x-amz-grant-read-acp': 'READ_ACP',
  'x-amz-grant-write': 'WRITE',
  'x-amz-grant-write-acp': 'WRITE_ACP',
};
/** "You can have up to 100 grants" (acl-overview). */
const maxGrants = 100;

/** Whom a canonical user's id names; undefined where that is nobody. */
export type NamedBy = (id: string) => Grantee | undefined;

/**
 * The ACL that the headers ask for, undefined where they do not speak of it. Throws InvalidArgument,
 * InvalidRequest for both kinds of headers at once, UnresolvableGrantByEmailAddress.
 */
export function requestedAcl(
  headers: HeaderReader,
  subject: AclSubject,
  namedBy: NamedBy,
): Acl | undefined {
  const canned = headers.get('x-amz-acl');
  const given = headers.withPrefix(grantPrefix);
  if (given.length === 0) return canned === undefined ? undefined : cannedAcl(canned, subject);
  if (canned !== undefined) {
    throw new S3Error('InvalidRequest', {
      message: 'Specifying both Canned ACLs and Header Grants is not allowed',
    });
  }
  const grants = given.flatMap(([name, value]) => headerGrants(name, value));
  return aclOf(resolved(grants, subject, namedBy), subject);
}

function cannedAcl(text: string, subject: AclSubject): CannedAcl {
  if (isCannedAcl(text) && isOfKind(text, subject.kind)) return text;
  throw invalidArgument('x-amz-acl', text);
}

/** `id="...", uri="..."`, quotes optional. */
function headerGrants(name: string, value: string): Grant[] {
  const permission = Object.hasOwn(grantHeaders, name) ? grantHeaders[name] : undefined;
  if (permission === undefined) throw invalidArgument(name, value);
  return value.split(',').map((part) => {
    const [, type, quoted, bare] =
      /^\s*([A-Za-z]+)\s*=\s*(?:"([^"]*)"|([^"\s]+))\s*$/.exec(part) ?? [];
    const text = quoted ?? bare ?? '';
    switch (type?.toLowerCase()) {
      case 'id':
        return { grantee: { kind: 'user', id: text }, permission };
      case 'uri':
        return { grantee: { kind: 'group', uri: text }, permission };
      case 'emailaddress':
        throw new S3Error('UnresolvableGrantByEmailAddress');
      default:
        throw invalidArgument(name, value, 'Argument format not recognized');
    }
  });
}

/** With those who are meant as grantees. Throws InvalidArgument for somebody who is not there. */
function resolved(grants: readonly Grant[], subject: AclSubject, namedBy: NamedBy): Grant[] {
  if (grants.length > maxGrants) throw tooManyGrants();
  const known = [subject.ownerId, subject.bucketOwnerId, imageReaderId];
  return grants.map((grant) => {
    const { grantee, permission } = grant;
    if (grantee.kind === 'group') {
      if (Object.values<string>(groups).includes(grantee.uri)) return grant;
      throw invalidArgument('uri', grantee.uri, 'Invalid group uri');
    }
    // An owner may have been removed since.
    if (known.includes(grantee.id)) return grant;
    const meant = namedBy(grantee.id);
    if (meant === undefined) {
      throw invalidArgument('CanonicalUser/ID', grantee.id, 'Invalid id');
    }
    return { grantee: meant, permission };
  });
}

function tooManyGrants(): S3Error {
  return new S3Error('InvalidRequest', {
    message: `An access control list has at most ${maxGrants} grants.`,
  });
}

/** An AccessControlPolicy document, well-formed but held against nothing yet. */
export interface AclPolicy {
  readonly ownerId: string;
  readonly grants: readonly Grant[];
}

/** Throws MalformedACLError, UnresolvableGrantByEmailAddress. */
export function parseAclPolicy(document: Uint8Array): AclPolicy {
  try {
    const root = parseXml(document, 'AccessControlPolicy');
    const owner = child(root, 'Owner');
    const list = child(root, 'AccessControlList');
    const ownerId = owner && childText(owner, 'ID')?.trim();
    if (list === undefined || ownerId === undefined || ownerId === '') throw malformed();
    return { ownerId, grants: children(list, 'Grant').map(parseGrant) };
  } catch (error) {
    if (error instanceof S3Error && error.code === 'MalformedXML') throw malformed(error);
    throw error;
  }
}

/**
 * The type of a grantee stands in xsi:type and shows in what it has: an ID, a URI, or an
 * e-mail address.
 */
function parseGrant(node: XmlNode): Grant {
  const grantee = child(node, 'Grantee');
  const text = childText(node, 'Permission')?.trim();
  const permission = permissions.find((name) => name === text);
  if (grantee === undefined || permission === undefined) throw malformed();
  const id = childText(grantee, 'ID')?.trim();
  const uri = childText(grantee, 'URI')?.trim();
  if (childText(grantee, 'EmailAddress') !== undefined) {
    throw new S3Error('UnresolvableGrantByEmailAddress');
  }
  if ((id === undefined) === (uri === undefined)) throw malformed();
  if (id !== undefined) return { grantee: { kind: 'user', id }, permission };
  return { grantee: { kind: 'group', uri: uri ?? '' }, permission };
}

function malformed(cause?: unknown): S3Error {
  return new S3Error('MalformedACLError', { cause });
}

/**
 * The ACL that a document says. Throws AccessDenied where it names another owner, InvalidArgument for
 * somebody who is not there.
 */
export function aclOfPolicy(policy: AclPolicy, subject: AclSubject, namedBy: NamedBy): Acl {
  if (!namesOwner(policy.ownerId, subject, namedBy)) throw new S3Error('AccessDenied');
  return aclOf(resolved(policy.grants, subject, namedBy), subject);
}

function namesOwner(id: string, { ownerId }: AclSubject, namedBy: NamedBy): boolean {
  if (id === ownerId) return true;
  const meant = namedBy(id);
  return meant?.kind === 'user' && meant.id === ownerId;
}

/** The children of an answer's `<AccessControlPolicy>`. `fields` gives ID and DisplayName of a user. */
export function aclPolicyElements(
  acl: Acl,
  subject: AclSubject,
  fields: (id: string) => readonly Fragment[],
): Fragment[] {
  const grants = grantsOf(acl, subject).map(({ grantee, permission }) =>
    element('Grant', granteeElement(grantee, fields), element('Permission', permission)),
  );
  return [element('Owner', fields(subject.ownerId)), element('AccessControlList', grants)];
}

function granteeElement(grantee: Grantee, fields: (id: string) => readonly Fragment[]): Fragment {
  return grantee.kind === 'user'
    ? elementWith('Grantee', { 'xmlns:xsi': xsi, 'xsi:type': 'CanonicalUser' }, fields(grantee.id))
    : elementWith(
        'Grantee',
        { 'xmlns:xsi': xsi, 'xsi:type': 'Group' },
        element('URI', grantee.uri),
      );
}
