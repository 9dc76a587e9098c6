/** The contract on buckets and users. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { User } from '../namespace.ts';
import {
  blobIds,
  bucketDraftOf,
  draftOf,
  everyGrant,
  everything,
  makeBucket,
  type OpenSubject,
  onSubject,
  ownerId,
  partOf,
  uploadDraftOf,
} from './subject.ts';

const marker = { ownerId, modifiedMs: 1 };

export function bucketsContract(open: OpenSubject): void {
  test(
    'a bucket is found by name and by id, and its name is taken',
    onSubject(open, async (subject) => {
      const { namespace } = subject;
      const bucket = await makeBucket(subject);
      assert.equal(bucket.versioning, 'Unversioned');
      assert.deepEqual(namespace.bucket('bucket'), bucket);
      assert.deepEqual(namespace.bucketById(bucket.id), bucket);
      assert.equal(namespace.bucket('other'), undefined);
      assert.equal(namespace.bucketById(bucket.id + 1), undefined);
      await assert.rejects(makeBucket(subject), /there already/);
    }),
  );

  test(
    'a bucket made again has another id, and nothing of the old one',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const first = await makeBucket(subject);
      const other = await makeBucket(subject, 'other');
      assert.notEqual(first.id, other.id);
      const upload = await commit((t) => namespace.createUpload(t, first.id, uploadDraftOf('a')));
      assert.equal(await commit((t) => namespace.deleteBucket(t, first.id)), true);
      assert.equal(namespace.bucket('bucket'), undefined);
      assert.equal(namespace.bucketById(first.id), undefined);
      const again = await makeBucket(subject);
      assert.notEqual(again.id, first.id);
      assert.notEqual(again.id, other.id);
      assert.equal(namespace.upload(again.id, 'a', upload.uploadId), undefined);
      assert.equal(namespace.upload(first.id, 'a', upload.uploadId), undefined);
    }),
  );

  test(
    'ACL and settings are kept, go with their bucket, and touch no other',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const other = await makeBucket(subject, 'other');
      assert.equal(bucket.acl, 'private');
      await commit((t) => {
        namespace.setBucketAcl(t, bucket.id, 'public-read');
        namespace.setVersioning(t, bucket.id, 'Enabled');
        namespace.putBucketSetting(t, bucket.id, 'cors', Buffer.from('rules'));
        namespace.putBucketSetting(t, bucket.id, 'tagging', Buffer.from('tags'));
        namespace.putBucketSetting(t, other.id, 'cors', Buffer.from('others'));
      });
      const { acl, versioning } = namespace.bucket('bucket') ?? {};
      assert.deepEqual({ acl, versioning }, { acl: 'public-read', versioning: 'Enabled' });
      assert.equal(namespace.bucketSetting(bucket.id, 'cors')?.toString(), 'rules');
      await commit((t) => namespace.putBucketSetting(t, bucket.id, 'cors', undefined));
      assert.equal(namespace.bucketSetting(bucket.id, 'cors'), undefined);
      assert.equal(namespace.bucketSetting(bucket.id, 'tagging')?.toString(), 'tags');
      await commit((t) => namespace.deleteBucket(t, bucket.id));
      assert.equal(namespace.bucketSetting(bucket.id, 'tagging'), undefined);
      assert.equal(namespace.bucketSetting(other.id, 'cors')?.toString(), 'others');
      const late = commit((t) => namespace.putBucketSetting(t, bucket.id, 'cors', Buffer.of()));
      await assert.rejects(late, { kind: 'no-such-bucket' });
    }),
  );

  test(
    'object ownership is kept beside the rest, replaced and removed',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const enforced = await commit((t) =>
        namespace.createBucket(t, {
          ...bucketDraftOf('enforced'),
          ownership: 'BucketOwnerEnforced',
        }),
      );
      assert.equal(enforced?.ownership, 'BucketOwnerEnforced');
      assert.equal(namespace.bucket('enforced')?.ownership, 'BucketOwnerEnforced');
      assert.equal(namespace.bucket('bucket')?.ownership, undefined);
      for (const ownership of [
        'ObjectWriter',
        'BucketOwnerPreferred',
        'BucketOwnerEnforced',
        undefined,
      ] as const) {
        await commit((t) => {
          namespace.setOwnership(t, bucket.id, ownership);
          namespace.setBucketAcl(t, bucket.id, everyGrant);
        });
        assert.equal(namespace.bucketById(bucket.id)?.ownership, ownership);
        assert.deepEqual(namespace.bucketById(bucket.id)?.acl, everyGrant);
      }
      await commit((t) => namespace.deleteBucket(t, bucket.id));
      const late = commit((t) => namespace.setOwnership(t, bucket.id, 'ObjectWriter'));
      await assert.rejects(late, { kind: 'no-such-bucket' });
    }),
  );

  test(
    'an undone commit leaves no trace of a bucket',
    onSubject(open, async ({ namespace, commit }) => {
      const undone = commit((t) => {
        namespace.createBucket(t, bucketDraftOf('b'));
        assert.ok(namespace.bucket('b'), 'reads inside a commit see its writes');
        throw new Error('undo');
      });
      await assert.rejects(undone, /undo/);
      assert.equal(namespace.bucket('b'), undefined);
      assert.deepEqual(namespace.buckets({ ...everything, ownerId }).items, []);
    }),
  );

  test(
    'versioning states are kept; writes to a deleted bucket are refused',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      for (const state of ['Enabled', 'Suspended', 'Enabled'] as const) {
        await commit((t) => namespace.setVersioning(t, bucket.id, state));
        assert.equal(namespace.bucket('bucket')?.versioning, state);
      }
      await commit((t) => namespace.deleteBucket(t, bucket.id));
      const gone = { name: 'NamespaceError', kind: 'no-such-bucket' };
      for (const work of [
        commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled')),
        commit((t) => void namespace.putVersion(t, bucket, 'a', draftOf(1))),
        commit((t) => void namespace.deleteObject(t, bucket, 'a', marker)),
        commit((t) => void namespace.deleteVersion(t, bucket, 'a', 'null')),
        commit((t) => void namespace.createUpload(t, bucket.id, uploadDraftOf('a'))),
        commit((t) => void namespace.deleteBucket(t, bucket.id)),
      ]) {
        await assert.rejects(work, gone);
      }
    }),
  );

  test(
    'a bucket goes only when no object, version or delete marker is left',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const version = await commit((t) => namespace.putVersion(t, bucket, 'a', draftOf(1)));
      assert.equal(await commit((t) => namespace.deleteBucket(t, bucket.id)), false);
      const deleted = await commit((t) => namespace.deleteObject(t, bucket, 'a', marker));
      assert.equal(await commit((t) => namespace.deleteBucket(t, bucket.id)), false);
      await commit((t) => namespace.deleteVersion(t, bucket, 'a', version.versionId));
      assert.equal(await commit((t) => namespace.deleteBucket(t, bucket.id)), false);
      await commit((t) => namespace.deleteVersion(t, bucket, 'a', String(deleted.versionId)));
      assert.equal(await commit((t) => namespace.deleteBucket(t, bucket.id)), true);
    }),
  );

  test(
    'deleting a bucket aborts its uploads and gives back their parts, each once',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const neighbour = await makeBucket(subject, 'neighbour');
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('a')));
      const kept = await commit((t) => namespace.createUpload(t, neighbour.id, uploadDraftOf('a')));
      await commit((t) => namespace.putPart(t, upload, partOf(1, 1)));
      await commit((t) => namespace.putPart(t, upload, partOf(2, 2)));
      await commit((t) => namespace.putPart(t, kept, partOf(1, 3)));
      assert.equal(await commit((t) => namespace.deleteBucket(t, bucket.id)), true);
      assert.deepEqual(namespace.uploadParts(upload, 0, 10), []);
      const late = commit((t) => namespace.putPart(t, upload, partOf(3, 4)));
      await assert.rejects(late, { kind: 'no-such-upload' });
      while (await namespace.sweep());
      assert.deepEqual(blobIds(buried()), [1, 2]);
      assert.deepEqual(namespace.uploadParts(kept, 0, 10).length, 1);
      assert.equal(await namespace.sweep(), false);
    }),
  );

  test(
    'buckets are listed per owner, in order, by prefix and in pages',
    onSubject(open, async ({ namespace, commit }) => {
      const names = ['a', 'ab', 'b', 'b-1', 'b-2', 'c'];
      for (const name of [...names].reverse()) {
        for (const owner of [ownerId, 'x']) {
          await commit((t) => {
            const draft = { ...bucketDraftOf(`${owner[0]}${name}`), ownerId: owner };
            assert.ok(namespace.createBucket(t, draft));
          });
        }
      }
      const list = (prefix: string, after: string, limit: number, owner = 'x') => {
        const page = namespace.buckets({ ownerId: owner, prefix, after, limit });
        return [page.items.map(({ name }) => name).join(' '), page.isTruncated, page.last];
      };
      assert.deepEqual(list('', '', 1000), ['xa xab xb xb-1 xb-2 xc', false, 'xc']);
      assert.deepEqual(list('', '', 6), ['xa xab xb xb-1 xb-2 xc', false, 'xc']);
      assert.deepEqual(list('', '', 5), ['xa xab xb xb-1 xb-2', true, 'xb-2']);
      assert.deepEqual(list('', 'xb-1', 5), ['xb-2 xc', false, 'xc']);
      assert.deepEqual(list('xb', '', 2), ['xb xb-1', true, 'xb-1']);
      assert.deepEqual(list('xb', 'xb-1', 2), ['xb-2', false, 'xb-2']);
      assert.deepEqual(list('xb', 'xz', 2), ['', false, '']);
      assert.deepEqual(list('', '', 0), ['', false, '']);
      assert.deepEqual(list('', '', 1000, 'nobody'), ['', false, '']);
      assert.deepEqual(list('aa', '', 1000, ownerId), ['aa aab', false, 'aab']);
    }),
  );
}

function userOf(id: string, ...accessKeys: string[]): User {
  const keys = accessKeys.map((accessKey) => ({
    accessKey,
    secret: `of ${accessKey}`,
    createdMs: 2,
  }));
  return { id, accountId: '000000000001', displayName: `Name ${id}`, createdMs: 1, keys };
}

export function usersContract(open: OpenSubject): void {
  test(
    'users are found by id and by each of their access keys',
    onSubject(open, async ({ namespace, commit }) => {
      const ann = userOf('ann', 'K1', 'K2');
      await commit((t) => namespace.putUser(t, userOf('bob')));
      await commit((t) => namespace.putUser(t, ann));
      assert.deepEqual(namespace.user('ann'), ann);
      assert.deepEqual(namespace.userByAccessKey('K2'), { user: ann, key: ann.keys[1] });
      assert.equal(namespace.userByAccessKey('K3'), undefined);
      assert.equal(namespace.userByAccessKey(''), undefined);
      assert.equal(namespace.user(''), undefined);
      assert.equal(namespace.userByAccessKey('K'.repeat(5000)), undefined);
      assert.deepEqual(namespace.users(), [ann, userOf('bob')]);
    }),
  );

  test(
    'replacing or removing a user takes its old access keys out of use',
    onSubject(open, async ({ namespace, commit }) => {
      await commit((t) => namespace.putUser(t, userOf('ann', 'K1', 'K2')));
      assert.ok(namespace.userByAccessKey('K1'));
      await commit((t) => namespace.putUser(t, userOf('ann', 'K2', 'K3')));
      assert.equal(namespace.userByAccessKey('K1'), undefined);
      assert.equal(namespace.userByAccessKey('K3')?.user.id, 'ann');
      await commit((t) => namespace.putUser(t, userOf('bob', 'K1')));
      assert.equal(await commit((t) => namespace.removeUser(t, 'ann')), true);
      assert.equal(await commit((t) => namespace.removeUser(t, 'ann')), false);
      assert.equal(namespace.user('ann'), undefined);
      assert.equal(namespace.userByAccessKey('K2'), undefined);
      assert.equal(namespace.userByAccessKey('K1')?.user.id, 'bob');
    }),
  );

  test(
    'an access key has one user; a refused put changes nothing',
    onSubject(open, async ({ namespace, commit }) => {
      await commit((t) => namespace.putUser(t, userOf('ann', 'K1')));
      const thief = commit((t) => namespace.putUser(t, userOf('bob', 'K0', 'K1')));
      await assert.rejects(thief, { kind: 'access-key-taken' });
      assert.equal(namespace.user('bob'), undefined);
      assert.equal(namespace.userByAccessKey('K0'), undefined);
      assert.equal(namespace.userByAccessKey('K1')?.user.id, 'ann');
      for (const bad of [userOf(''), userOf('c', ''), userOf('c', 'K4', 'K4')]) {
        await assert.rejects(
          commit((t) => namespace.putUser(t, bad)),
          { kind: 'invalid-argument' },
        );
      }
    }),
  );

  test(
    'what a user was before an undone commit is what it is after it',
    onSubject(open, async ({ namespace, commit }) => {
      await commit((t) => namespace.putUser(t, userOf('ann', 'K1')));
      const undone = commit((t) => {
        namespace.putUser(t, userOf('ann', 'K9'));
        assert.equal(namespace.userByAccessKey('K9')?.user.id, 'ann');
        throw new Error('undo');
      });
      await assert.rejects(undone, /undo/);
      assert.deepEqual(namespace.user('ann'), userOf('ann', 'K1'));
      assert.equal(namespace.userByAccessKey('K9'), undefined);
    }),
  );
}
