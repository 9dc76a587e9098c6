/**
 * Access control lists, canned or grant by grant: what each grants, who may do what by them, and who
 * owns a new object. Denied unless granted.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html
 */

export type CannedAcl =
  | 'private'
  | 'public-read'
  | 'public-read-write'
  | 'authenticated-read'
  | 'aws-exec-read'
  | 'bucket-owner-read'
  | 'bucket-owner-full-control'
  | 'log-delivery-write';

export type BucketPermission = 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP';
/** WRITE means nothing on an object. */
export type ObjectPermission = Exclude<BucketPermission, 'WRITE'>;
export type Permission = BucketPermission | 'FULL_CONTROL';

export const permissions: readonly Permission[] = [
  'FULL_CONTROL',
  'READ',
  'WRITE',
  'READ_ACP',
  'WRITE_ACP',
];

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
 * A bucket where nothing is configured is an 'ObjectWriter' one here.
 */
export type ObjectOwnership = 'ObjectWriter' | 'BucketOwnerPreferred' | 'BucketOwnerEnforced';

/** S3's canonical user for requests without a signature: who they are, and the owner of what they upload. */
export const anonymousId = '65a011a29cdf8ec533ec3d1ccaae921c';
export const anonymousName = 'anonymous';

/** Who fetches machine images for EC2: what aws-exec-read grants to. */
export const imageReaderId = '6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c';

export const groups = {
  everyone: 'http://acs.amazonaws.com/groups/global/AllUsers',
  users: 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  logDelivery: 'http://acs.amazonaws.com/groups/s3/LogDelivery',
} as const;
type Group = keyof typeof groups;

export type Grantee =
  | { readonly kind: 'user'; readonly id: string }
  | { readonly kind: 'group'; readonly uri: string };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: Permission;
}

/** By its name where a canned one says it, else as the list of its grants, the owner's own among them. */
export type Acl = CannedAcl | readonly Grant[];

/** What an ACL is of. A bucket's owner is its bucket owner. */
export interface AclSubject {
  readonly kind: 'bucket' | 'object';
  readonly ownerId: string;
  readonly bucketOwnerId: string;
}

/** What a canned ACL grants beside FULL_CONTROL for the owner. */
const cannedGrants: {
  readonly [Acl in CannedAcl]: readonly {
    readonly to: Group | 'bucketOwner' | 'imageReader';
    readonly permission: Permission;
  }[];
} = {
  private: [],
  'public-read': [{ to: 'everyone', permission: 'READ' }],
  'public-read-write': [
    { to: 'everyone', permission: 'READ' },
    { to: 'everyone', permission: 'WRITE' },
  ],
  'authenticated-read': [{ to: 'users', permission: 'READ' }],
  'aws-exec-read': [{ to: 'imageReader', permission: 'READ' }],
  'bucket-owner-read': [{ to: 'bucketOwner', permission: 'READ' }],
  'bucket-owner-full-control': [{ to: 'bucketOwner', permission: 'FULL_CONTROL' }],
  'log-delivery-write': [
    { to: 'logDelivery', permission: 'WRITE' },
    { to: 'logDelivery', permission: 'READ_ACP' },
  ],
};

export function isCannedAcl(text: string): text is CannedAcl {
  return Object.hasOwn(cannedGrants, text);
}

/** Only buckets receive logs; all others are for both. */
export function isOfKind(acl: CannedAcl, kind: AclSubject['kind']): boolean {
  return kind === 'bucket' || acl !== 'log-delivery-write';
}

/** The grants of an ACL. Of a canned one the owner's come first, and what another grant includes is left out. */
export function grantsOf(acl: Acl, subject: AclSubject): readonly Grant[] {
  if (typeof acl !== 'string') return acl;
  const others = cannedGrants[acl].map(({ to, permission }): Grant => {
    switch (to) {
      case 'bucketOwner':
        return { grantee: { kind: 'user', id: subject.bucketOwnerId }, permission };
      case 'imageReader':
        return { grantee: { kind: 'user', id: imageReaderId }, permission };
      default:
        return { grantee: { kind: 'group', uri: groups[to] }, permission };
    }
  });
  const owner: Grant = {
    grantee: { kind: 'user', id: subject.ownerId },
    permission: 'FULL_CONTROL',
  };
  return withoutIncluded([owner, ...others]);
}

/** The ACL that grants this: a canned one where one says the same, for those are the cheapest to decide by. */
export function aclOf(grants: readonly Grant[], subject: AclSubject): Acl {
  const wanted = fingerprint(withoutIncluded(grants));
  const canned = (Object.keys(cannedGrants) as CannedAcl[]).find(
    (acl) => isOfKind(acl, subject.kind) && fingerprint(grantsOf(acl, subject)) === wanted,
  );
  return canned ?? withoutRepeated(grants);
}

/** Whether anybody but the owner is granted anything. */
export function grantsToOthers(acl: Acl, subject: AclSubject): boolean {
  return grantsOf(acl, subject).some(
    ({ grantee }) => grantee.kind === 'group' || grantee.id !== subject.ownerId,
  );
}

function granteeName({ grantee }: Grant): string {
  return grantee.kind === 'user' ? `user ${grantee.id}` : `group ${grantee.uri}`;
}

function withoutIncluded(grants: readonly Grant[]): Grant[] {
  const full = new Set(
    grants.filter(({ permission }) => permission === 'FULL_CONTROL').map(granteeName),
  );
  return withoutRepeated(grants).filter(
    (grant) => grant.permission === 'FULL_CONTROL' || !full.has(granteeName(grant)),
  );
}

function withoutRepeated(grants: readonly Grant[]): Grant[] {
  const byLine = new Map(grants.map((grant) => [lineOf(grant), grant]));
  return [...byLine.values()];
}

function lineOf(grant: Grant): string {
  return `${grant.permission} ${granteeName(grant)}`;
}

/** The same for the same grants in any order. */
function fingerprint(grants: readonly Grant[]): string {
  return grants.map(lineOf).sort().join('\n');
}

// --- decisions

/** What deciding needs to know of a bucket. */
export interface BucketRights {
  readonly ownerId: string;
  readonly acl: Acl;
  /** Undefined is 'ObjectWriter'. */
  readonly ownership?: ObjectOwnership | undefined;
}

/** And of an object. */
export interface ObjectRights {
  readonly ownerId: string;
  /** Undefined is 'private'. */
  readonly acl?: Acl | undefined;
}

/** `requesterId` is `anonymousId` for a request without a signature. */
export function mayUseBucket(
  bucket: BucketRights,
  requesterId: string,
  permission: BucketPermission,
): boolean {
  if (requesterId === bucket.ownerId) return true;
  if (bucket.ownership === 'BucketOwnerEnforced') return false;
  return isGranted(bucket.acl, bucket.ownerId, requesterId, permission);
}

/**
 * The object's ACL alone decides: the bucket's owner has no rights on what another owns but those
 * given. Where ACLs are disabled everything in the bucket is its owner's.
 */
export function mayUseObject(
  bucket: BucketRights,
  object: ObjectRights,
  requesterId: string,
  permission: ObjectPermission,
): boolean {
  if (requesterId === ownerOf(bucket, object)) return true;
  if (bucket.ownership === 'BucketOwnerEnforced') return false;
  return isGranted(object.acl ?? 'private', bucket.ownerId, requesterId, permission);
}

/**
 * Where WRITE on an object counts, which S3 does not know and Cumulus had: who may write to its bucket
 * replaces and deletes the object only by it. The bucket's owner may always, as in S3.
 */
export function mayReplaceObject(
  bucket: BucketRights,
  object: ObjectRights,
  requesterId: string,
): boolean {
  if (requesterId === bucket.ownerId || requesterId === ownerOf(bucket, object)) return true;
  if (bucket.ownership === 'BucketOwnerEnforced') return false;
  return isGranted(object.acl ?? 'private', bucket.ownerId, requesterId, 'WRITE');
}

function isGranted(
  acl: Acl,
  bucketOwnerId: string,
  requesterId: string,
  permission: BucketPermission,
): boolean {
  if (typeof acl !== 'string') {
    return acl.some(
      (grant) => includes(grant.permission, permission) && isAmong(grant.grantee, requesterId),
    );
  }
  return cannedGrants[acl].some(
    (grant) =>
      includes(grant.permission, permission) && isGrantee(grant.to, bucketOwnerId, requesterId),
  );
}

function includes(granted: Permission, wanted: BucketPermission): boolean {
  return granted === wanted || granted === 'FULL_CONTROL';
}

function isAmong(grantee: Grantee, requesterId: string): boolean {
  if (grantee.kind === 'user') return grantee.id === requesterId;
  return (
    grantee.uri === groups.everyone || (grantee.uri === groups.users && requesterId !== anonymousId)
  );
}

/** The services of AWS that two canned ACLs grant to are nobody here. */
function isGrantee(
  to: Group | 'bucketOwner' | 'imageReader',
  bucketOwnerId: string,
  requesterId: string,
): boolean {
  if (to === 'everyone') return true;
  if (to === 'users') return requesterId !== anonymousId;
  return to === 'bucketOwner' && requesterId === bucketOwnerId;
}

/** Who counts as the owner of an object: the bucket's where ACLs are disabled. */
export function ownerOf(
  bucket: Pick<BucketRights, 'ownerId' | 'ownership'>,
  object: Pick<ObjectRights, 'ownerId'>,
): string {
  return bucket.ownership === 'BucketOwnerEnforced' ? bucket.ownerId : object.ownerId;
}

/**
 * Owner and ACL of an object that is about to be made, by the bucket as it is then. Its writer owns
 * it, but where the bucket's owner is preferred and given full control, or ACLs are disabled.
 */
export function rightsOfNewObject(
  bucket: Pick<BucketRights, 'ownerId' | 'ownership'>,
  writerId: string,
  acl: Acl | undefined,
): { readonly ownerId: string; readonly acl?: Acl } {
  if (bucket.ownership === 'BucketOwnerEnforced') return { ownerId: bucket.ownerId };
  const isHandedOver =
    bucket.ownership === 'BucketOwnerPreferred' && acl === 'bucket-owner-full-control';
  return {
    ownerId: isHandedOver ? bucket.ownerId : writerId,
    ...(acl === undefined || acl === 'private' ? {} : { acl }),
  };
}
