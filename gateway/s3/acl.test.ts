import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type Acl,
  type AclSubject,
  aclOf,
  anonymousId,
  type BucketPermission,
  type CannedAcl,
  type Grant,
  grantsOf,
  grantsToOthers,
  groups,
  isOfKind,
  mayReplaceObject,
  mayUseBucket,
  mayUseObject,
  type ObjectOwnership,
  permissions,
  rightsOfNewObject,
} from './acl.ts';

const acls: readonly CannedAcl[] = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
  'log-delivery-write',
];
const all: readonly BucketPermission[] = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP'];
const ids = ['alice', 'bob', 'carol', anonymousId];

const aclAmong = fc.constantFrom(...acls);
const idAmong = fc.constantFrom(...ids);
const ownershipAmong = fc.constantFrom<ObjectOwnership | undefined>(
  undefined,
  'ObjectWriter',
  'BucketOwnerPreferred',
  'BucketOwnerEnforced',
);
const subjectAmong = fc
  .record({
    kind: fc.constantFrom('bucket' as const, 'object' as const),
    ownerId: idAmong,
    bucketOwnerId: fc.constantFrom('alice', 'bob'),
  })
  .map(
    (subject): AclSubject =>
      subject.kind === 'bucket' ? { ...subject, ownerId: subject.bucketOwnerId } : subject,
  );

const grantsAmong: fc.Arbitrary<Grant[]> = fc.array(
  fc.record({
    grantee: fc.oneof(
      fc.record({ kind: fc.constant('user' as const), id: idAmong }),
      fc.record({
        kind: fc.constant('group' as const),
        uri: fc.constantFrom(...Object.values(groups)),
      }),
    ),
    permission: fc.constantFrom(...permissions),
  }),
  { maxLength: 6 },
);
const anyAcl: fc.Arbitrary<Acl> = fc.oneof(aclAmong, grantsAmong);

/** What a list of grants says, read as the documentation reads it. */
function grantsSay(grants: readonly Grant[], requesterId: string, permission: BucketPermission) {
  return grants.some(({ grantee, permission: given }) => {
    if (given !== 'FULL_CONTROL' && given !== permission) return false;
    if (grantee.kind === 'user') return grantee.id === requesterId;
    if (grantee.uri === groups.everyone) return true;
    return grantee.uri === groups.users && requesterId !== anonymousId;
  });
}

test('a canned ACL is found again by its grants, in any order', () => {
  fc.assert(
    fc.property(aclAmong, subjectAmong, (acl, subject) => {
      fc.pre(isOfKind(acl, subject.kind));
      const grants = grantsOf(acl, subject);
      const found = aclOf([...grants].reverse(), subject);
      assert.equal(typeof found, 'string');
      // Not always by its name: one's own bucket owner needs no grant beside one's own.
      assert.deepEqual(grantsOf(found, subject), grants);
      if (subject.ownerId !== subject.bucketOwnerId) assert.equal(found, acl);
    }),
  );
});

test('what is decided is what the grants say', () => {
  fc.assert(
    fc.property(anyAcl, subjectAmong, idAmong, (acl, subject, requesterId) => {
      fc.pre(typeof acl !== 'string' || isOfKind(acl, subject.kind));
      const grants = grantsOf(acl, subject);
      const bucket = { ownerId: subject.bucketOwnerId, acl };
      for (const permission of all) {
        // An owner may whatever they like, granted or not.
        const said = requesterId === subject.ownerId || grantsSay(grants, requesterId, permission);
        if (subject.kind === 'bucket') {
          assert.equal(mayUseBucket(bucket, requesterId, permission), said, permission);
        } else if (permission === 'WRITE') {
          const object = { ownerId: subject.ownerId, acl };
          const may = mayReplaceObject({ ...bucket, acl: 'private' }, object, requesterId);
          assert.equal(may, said || requesterId === subject.bucketOwnerId);
        } else {
          const object = { ownerId: subject.ownerId, acl };
          const rights = { ...bucket, acl: 'private' } as const;
          assert.equal(mayUseObject(rights, object, requesterId, permission), said, permission);
        }
      }
    }),
  );
});

test('grants that no canned ACL makes are kept as they are, but for repeats', () => {
  const subject: AclSubject = { kind: 'object', ownerId: 'alice', bucketOwnerId: 'bob' };
  const [owner] = grantsOf('private', subject);
  assert.ok(owner !== undefined);
  const carol: Grant = { grantee: { kind: 'user', id: 'carol' }, permission: 'READ' };
  const logs: Grant = { grantee: { kind: 'group', uri: groups.logDelivery }, permission: 'WRITE' };
  for (const grants of [[], [carol], [owner, carol], [owner, logs]]) {
    assert.deepEqual(aclOf([...grants, ...grants], subject), grants);
  }
  const twice: Grant[] = [owner, owner, { ...owner, permission: 'READ' }];
  assert.equal(aclOf(twice, subject), 'private', 'a grant that another includes adds nothing');
});

test('an ACL that is made of grants shows and decides what they say', () => {
  fc.assert(
    fc.property(grantsAmong, subjectAmong, (grants, subject) => {
      const acl = aclOf(grants, subject);
      const shown = grantsOf(acl, subject);
      for (const permission of all) {
        for (const id of ids) {
          assert.equal(grantsSay(shown, id, permission), grantsSay(grants, id, permission));
        }
      }
      const others = grants.some(({ grantee }) =>
        grantee.kind === 'user' ? grantee.id !== subject.ownerId : true,
      );
      assert.equal(grantsToOthers(acl, subject), others);
    }),
  );
});

test('where ACLs are disabled everything is the bucket owner’s and nobody else’s', () => {
  fc.assert(
    fc.property(anyAcl, anyAcl, idAmong, idAmong, (acl, objectAcl, ownerId, requesterId) => {
      const bucket = { ownerId: 'alice', acl, ownership: 'BucketOwnerEnforced' } as const;
      const isOwner = requesterId === 'alice';
      for (const permission of all) {
        assert.equal(mayUseBucket(bucket, requesterId, permission), isOwner);
        const object = { ownerId, acl: objectAcl };
        assert.equal(mayReplaceObject(bucket, object, requesterId), isOwner);
        if (permission === 'WRITE') continue;
        assert.equal(mayUseObject(bucket, object, requesterId, permission), isOwner);
      }
    }),
  );
});

test('a private object is its owner’s, and not its bucket owner’s', () => {
  const bucket = { ownerId: 'alice', acl: 'public-read-write' } as const;
  const object = { ownerId: 'bob' };
  for (const permission of ['READ', 'READ_ACP', 'WRITE_ACP'] as const) {
    assert.equal(mayUseObject(bucket, object, 'bob', permission), true);
    for (const other of ['alice', 'carol', anonymousId]) {
      assert.equal(mayUseObject(bucket, object, other, permission), false);
    }
  }
});

test('who owns a new object', () => {
  fc.assert(
    fc.property(
      ownershipAmong,
      fc.option(anyAcl, { nil: undefined }),
      idAmong,
      (ownership, acl, writer) => {
        const rights = rightsOfNewObject({ ownerId: 'alice', ownership }, writer, acl);
        const isHandedOver =
          ownership === 'BucketOwnerEnforced' ||
          (ownership === 'BucketOwnerPreferred' && acl === 'bucket-owner-full-control');
        assert.equal(rights.ownerId, isHandedOver ? 'alice' : writer);
        const expected = ownership === 'BucketOwnerEnforced' || acl === 'private' ? undefined : acl;
        assert.equal(rights.acl, expected);
      },
    ),
  );
});
