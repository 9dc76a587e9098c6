/** How the fields that several records share are written: ETags, checksums, headers, extents. */
import type { ByteReader, ByteWriter } from './bytes.ts';
import type {
  Acl,
  CannedAcl,
  Checksum,
  ChecksumAlgorithm,
  Extent,
  Grant,
  ObjectHeaders,
  ObjectPart,
} from './namespace.ts';

/** Their places are on disk: only ever append to these lists, and keep them below 250 names. */
const storageClasses: readonly string[] = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'GLACIER_IR',
  'DEEP_ARCHIVE',
  'EXPRESS_ONEZONE',
];
const headerNames: readonly string[] = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-website-redirect-location',
];
const algorithmNames: readonly ChecksumAlgorithm[] = [
  'CRC32',
  'CRC32C',
  'CRC64NVME',
  'SHA1',
  'SHA256',
  'SHA512',
  'MD5',
  'XXHASH64',
  'XXHASH3',
  'XXHASH128',
];
const aclNames: readonly CannedAcl[] = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'log-delivery-write',
];
const permissions: readonly Grant['permission'][] = [
  'FULL_CONTROL',
  'READ',
  'WRITE',
  'READ_ACP',
  'WRITE_ACP',
];
const groupUris: readonly string[] = [
  'http://acs.amazonaws.com/groups/global/AllUsers',
  'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  'http://acs.amazonaws.com/groups/s3/LogDelivery',
];

/** A name by its place in a list (from 1), or 0 and its text. */
function writeName(writer: ByteWriter, names: readonly string[], name: string): void {
  const code = names.indexOf(name) + 1;
  writer.u8(code);
  if (code === 0) writer.text(name);
}

function readName(reader: ByteReader, names: readonly string[]): string {
  const code = reader.u8();
  if (code === 0) return reader.text();
  const name = names[code - 1];
  if (name === undefined) throw new RangeError(`unknown code ${code}`);
  return name;
}

export function writeStorageClass(writer: ByteWriter, storageClass: string): void {
  writeName(writer, storageClasses, storageClass);
}

export function readStorageClass(reader: ByteReader): string {
  return readName(reader, storageClasses);
}

/** In place of a canned ACL's code: a list of grants follows. */
const grantList = 255;
const granteeKind = { user: 0, group: 1 } as const;

export function writeAcl(writer: ByteWriter, acl: Acl): void {
  if (typeof acl === 'string') {
    writer.u8(aclNames.indexOf(acl) + 1);
    return;
  }
  writer.u8(grantList);
  writer.varint(acl.length);
  for (const { grantee, permission } of acl) {
    writer.u8(permissions.indexOf(permission));
    writer.u8(granteeKind[grantee.kind]);
    if (grantee.kind === 'user') writer.text(grantee.id);
    else writeName(writer, groupUris, grantee.uri);
  }
}

export function readAcl(reader: ByteReader): Acl {
  const code = reader.u8();
  if (code === grantList) return readGrants(reader);
  const acl = aclNames[code - 1];
  if (acl === undefined) throw new RangeError(`unknown ACL ${code}`);
  return acl;
}

function readGrants(reader: ByteReader): Grant[] {
  const grants: Grant[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) {
    const permission = permissions[reader.u8()];
    if (permission === undefined) throw new RangeError('unknown permission');
    grants.push({ permission, grantee: readGrantee(reader) });
  }
  return grants;
}

function readGrantee(reader: ByteReader): Grant['grantee'] {
  const kind = reader.u8();
  if (kind === granteeKind.user) return { kind: 'user', id: reader.text() };
  if (kind === granteeKind.group) return { kind: 'group', uri: readName(reader, groupUris) };
  throw new RangeError(`unknown kind of grantee ${kind}`);
}

// --- ETags: 16 bytes where they look like an MD5, with the number of parts where multipart

const etagForm = { none: 0, md5: 1, multipart: 2, text: 3 } as const;
export const md5Bytes = 16;
const md5Etag = /^[0-9a-f]{32}(?:-([1-9][0-9]{0,4}))?$/;
const md5Digits = 2 * md5Bytes;

export function writeEtag(writer: ByteWriter, etag: string): void {
  // As of most objects; to test is cheaper than to take apart.
  if (etag.length === md5Digits && md5Etag.test(etag)) {
    writer.u8(etagForm.md5);
    writer.encoded(etag, 'hex', md5Bytes);
    return;
  }
  const match = md5Etag.exec(etag);
  if (match === null) {
    writer.u8(etag === '' ? etagForm.none : etagForm.text);
    if (etag !== '') writer.text(etag);
    return;
  }
  const partCount = match[1];
  writer.u8(partCount === undefined ? etagForm.md5 : etagForm.multipart);
  writer.encoded(etag, 'hex', md5Bytes);
  if (partCount !== undefined) writer.varint(Number(partCount));
}

export function readEtag(reader: ByteReader): string {
  const form = reader.u8();
  switch (form) {
    case etagForm.none:
      return '';
    case etagForm.md5:
      return reader.encoded('hex', md5Bytes);
    case etagForm.multipart:
      return `${reader.encoded('hex', md5Bytes)}-${reader.varint()}`;
    case etagForm.text:
      return reader.text();
    default:
      throw new RangeError(`unknown form of ETag ${form}`);
  }
}

/** Passes over one. Where the digest begins that is all of it; -1 where it is of another form. */
export function skipEtag(reader: ByteReader): number {
  const form = reader.u8();
  if (form === etagForm.md5) return reader.skip(md5Bytes);
  if (form === etagForm.multipart) {
    reader.skip(md5Bytes);
    reader.varint();
  } else if (form === etagForm.text) {
    reader.skip(reader.varint());
  } else if (form !== etagForm.none) {
    throw new RangeError(`unknown form of ETag ${form}`);
  }
  return -1;
}

// --- checksums: what kind in a byte (0 for none), the digest apart, as a listing needs the kind only

const compositeBit = 0x10;
type ChecksumKind = Pick<Checksum, 'algorithm' | 'type'>;

/** By their byte. */
const kinds: ChecksumKind[] = [];
for (const [index, algorithm] of algorithmNames.entries()) {
  kinds[index + 1] = Object.freeze({ algorithm, type: 'FULL_OBJECT' });
  kinds[(index + 1) | compositeBit] = Object.freeze({ algorithm, type: 'COMPOSITE' });
}

export function writeChecksumKind(writer: ByteWriter, kind: ChecksumKind | undefined): void {
  if (kind === undefined) {
    writer.u8(0);
    return;
  }
  const code = algorithmNames.indexOf(kind.algorithm) + 1;
  if (code === 0) throw new RangeError(`unknown checksum algorithm ${kind.algorithm}`);
  writer.u8(kind.type === 'COMPOSITE' ? code | compositeBit : code);
}

/** The same frozen object for the same kind. */
export function readChecksumKind(reader: ByteReader): ChecksumKind | undefined {
  const code = reader.u8();
  if (code === 0) return undefined;
  const kind = kinds[code];
  if (kind === undefined) throw new RangeError(`unknown kind of checksum ${code}`);
  return kind;
}

/**
 * A digest as S3 writes it, down to the unused bits of its last character (so that the bytes give
 * back the same text), and the number of parts behind it where there is one.
 */
const digests: Readonly<Record<ChecksumAlgorithm, DigestText>> = {
  CRC32: digestText(4),
  CRC32C: digestText(4),
  CRC64NVME: digestText(8),
  MD5: digestText(16),
  SHA1: digestText(20),
  SHA256: digestText(32),
  SHA512: digestText(64),
  XXHASH128: digestText(16),
  XXHASH3: digestText(8),
  XXHASH64: digestText(8),
};
interface DigestText {
  /** In bytes. */
  readonly length: number;
  readonly pattern: RegExp;
}

function digestText(length: number): DigestText {
  const letters = Math.floor((length * 4) / 3);
  const end = length % 3 === 1 ? '[AQgw]==' : '[AEIMQUYcgkosw048]=';
  const pattern = new RegExp(`^[A-Za-z0-9+/]{${letters}}${end}(?:-([1-9]\\d{0,4}))?$`);
  return { length, pattern };
}

const digestForm = { text: 0, bytes: 1 } as const;

/** The number of parts behind the bytes is 0 for none. */
export function writeDigest(writer: ByteWriter, checksum: Checksum): void {
  const { length, pattern } = digests[checksum.algorithm];
  const match = pattern.exec(checksum.value);
  if (match === null) {
    writer.u8(digestForm.text);
    writer.text(checksum.value);
  } else {
    writer.u8(digestForm.bytes);
    writer.encoded(checksum.value, 'base64', length);
    writer.varint(Number(match[1] ?? 0));
  }
}

export function readDigest(reader: ByteReader, kind: ChecksumKind): Checksum {
  const { algorithm, type } = kind;
  if (reader.u8() === digestForm.text) return { algorithm, type, value: reader.text() };
  const base64 = reader.encoded('base64', digests[algorithm].length);
  const partCount = reader.varint();
  return { algorithm, type, value: partCount === 0 ? base64 : `${base64}-${partCount}` };
}

export function writeChecksum(writer: ByteWriter, checksum: Checksum | undefined): void {
  writeChecksumKind(writer, checksum);
  if (checksum !== undefined) writeDigest(writer, checksum);
}

export function readChecksum(reader: ByteReader): Checksum | undefined {
  const kind = readChecksumKind(reader);
  return kind && readDigest(reader, kind);
}

// --- headers and tags

type Texts = Readonly<Record<string, string>>;

function writePairs(writer: ByteWriter, texts: Texts, names: readonly string[]): void {
  const pairs = Object.entries(texts);
  writer.varint(pairs.length);
  for (const [name, value] of pairs) {
    writeName(writer, names, name);
    writer.text(value);
  }
}

/** `fromEntries` rather than assignment: a client may well name a header `__proto__`. */
function readPairs(reader: ByteReader, names: readonly string[]): Record<string, string> {
  let left = reader.varint();
  if (left === 0) return {};
  const pairs: [string, string][] = [];
  for (; left > 0; left -= 1) {
    pairs.push([readName(reader, names), reader.text()]);
  }
  return Object.fromEntries(pairs);
}

export function writeHeaders(writer: ByteWriter, headers: ObjectHeaders): void {
  writePairs(writer, headers.system, headerNames);
  writePairs(writer, headers.user, []);
}

export function readHeaders(reader: ByteReader): ObjectHeaders {
  return { system: readPairs(reader, headerNames), user: readPairs(reader, []) };
}

export function writeTags(writer: ByteWriter, tags: Texts | undefined): void {
  writePairs(writer, tags ?? {}, []);
}

/** Undefined where there are none. */
export function readTags(reader: ByteReader): Record<string, string> | undefined {
  const tags = readPairs(reader, []);
  for (const _name in tags) return tags;
  return undefined;
}

// --- extents and parts

export function writeExtent(writer: ByteWriter, extent: Extent): void {
  writer.varint(extent.snapshot.blobId);
  writer.varint(extent.snapshot.version);
  writer.varint(extent.offset);
  writer.varint(extent.length);
}

export function readExtent(reader: ByteReader): Extent {
  return {
    snapshot: { blobId: reader.varint(), version: reader.varint() },
    offset: reader.varint(),
    length: reader.varint(),
  };
}

export function writeObjectPart(writer: ByteWriter, part: ObjectPart): void {
  writer.varint(part.number);
  writer.varint(part.size);
  writeEtag(writer, part.etag);
  writeChecksum(writer, part.checksum);
}

export function readObjectPart(reader: ByteReader): ObjectPart {
  const number = reader.varint();
  const size = reader.varint();
  const etag = readEtag(reader);
  const checksum = readChecksum(reader);
  return { number, size, etag, ...(checksum && { checksum }) };
}
