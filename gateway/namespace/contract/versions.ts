/** The contract on versions: what each of S3's versioning states does, told in examples. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bucket, ObjectPart, VersionChange, VersionDraft } from '../namespace.ts';
import { objectsPage, versionsPage } from '../testing/pages.ts';
import {
  blobIds,
  draftOf,
  everyGrant,
  everything,
  extentOf,
  heldBlobIds,
  makeBucket,
  md5OfNothing,
  type OpenSubject,
  onSubject,
  ownerId,
  type Subject,
} from './subject.ts';

const key = 'key';
const marker = { ownerId, modifiedMs: 5 };

async function put({ namespace, commit }: Subject, bucket: Bucket, blobId: number) {
  const version = await commit((t) => namespace.putVersion(t, bucket, key, draftOf(blobId)));
  return version.versionId;
}

/** Versions newest first: blob id (from the time), m for markers, n for null, * for the latest. */
function versionsOf({ namespace }: Subject, bucket: Bucket): string {
  const { items } = versionsPage(namespace, bucket.id, { ...everything, afterVersionId: '' });
  return items
    .map((item) => {
      const what = item.isDeleteMarker ? 'm' : String(item.modifiedMs - 1_700_000_000_000);
      return `${what}${item.versionId === 'null' ? 'n' : ''}${item.isLatest ? '*' : ''}`;
    })
    .join(' ');
}

function keysOf({ namespace }: Subject, bucket: Bucket): string[] {
  return objectsPage(namespace, bucket.id, everything).items.map((item) => item.key);
}

export function versionsContract(open: OpenSubject): void {
  test(
    'a put follows what its own commit has changed of the bucket',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const versionId = await commit((t) => {
        assert.equal(namespace.bucket(bucket.name, t)?.versioning, 'Unversioned');
        namespace.setVersioning(t, bucket.id, 'Enabled');
        assert.equal(namespace.bucket(bucket.name, t)?.versioning, 'Enabled');
        return namespace.putVersion(t, bucket, key, draftOf(1)).versionId;
      });
      assert.notEqual(versionId, 'null');
      const gone = commit((t) => {
        assert.equal(namespace.bucket(bucket.name, t)?.versioning, 'Enabled');
        namespace.deleteVersion(t, bucket, key, versionId);
        namespace.deleteBucket(t, bucket.id);
        assert.equal(namespace.bucket(bucket.name, t), undefined);
        namespace.putVersion(t, bucket, key, draftOf(2));
      });
      await assert.rejects(gone, { kind: 'no-such-bucket' });
      assert.deepEqual(keysOf(subject, bucket), [key]);
    }),
  );

  test(
    'unversioned: a put replaces, a delete removes',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      assert.equal(await put(subject, bucket, 1), 'null');
      assert.equal(await put(subject, bucket, 2), 'null');
      assert.equal(versionsOf(subject, bucket), '2n*');
      assert.deepEqual(blobIds(buried()), [1]);
      const outcome = await commit((t) => namespace.deleteObject(t, bucket, key, marker));
      assert.deepEqual(outcome, { versionId: 'null', isDeleteMarker: false });
      assert.deepEqual(blobIds(buried()), [1, 2]);
      assert.equal(versionsOf(subject, bucket), '');
      assert.equal(namespace.current(bucket.id, key), undefined);
      assert.deepEqual(keysOf(subject, bucket), []);
      const again = await commit((t) => namespace.deleteObject(t, bucket, key, marker));
      assert.deepEqual(again, { versionId: undefined, isDeleteMarker: false });
    }),
  );

  test(
    'enabled: all versions stay, deletes write markers, also where nothing was',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const first = await put(subject, bucket, 1);
      const second = await put(subject, bucket, 2);
      assert.ok(second < first, 'ids sort newest first');
      const outcome = await commit((t) => namespace.deleteObject(t, bucket, key, marker));
      assert.equal(outcome.isDeleteMarker, true);
      assert.equal(versionsOf(subject, bucket), 'm* 2 1');
      assert.equal(namespace.current(bucket.id, key)?.isDeleteMarker, true);
      assert.equal(namespace.version(bucket.id, key, first)?.isDeleteMarker, false);
      assert.deepEqual(keysOf(subject, bucket), []);
      const removed = await commit((t) =>
        namespace.deleteVersion(t, bucket, key, String(outcome.versionId)),
      );
      assert.deepEqual(removed, { versionId: outcome.versionId, isDeleteMarker: true });
      assert.equal(versionsOf(subject, bucket), '2* 1');
      assert.deepEqual(keysOf(subject, bucket), [key]);
      await commit((t) => namespace.deleteVersion(t, bucket, key, first));
      assert.equal(versionsOf(subject, bucket), '2*');
      assert.deepEqual(blobIds(buried()), [1]);
      const elsewhere = await commit((t) => namespace.deleteObject(t, bucket, 'none', marker));
      assert.equal(elsewhere.isDeleteMarker, true);
      assert.equal(namespace.current(bucket.id, 'none')?.isDeleteMarker, true);
    }),
  );

  test(
    'suspended: one null version, wherever it stands, is replaced',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const turn = (state: 'Enabled' | 'Suspended') =>
        commit((t) => namespace.setVersioning(t, bucket.id, state));
      await put(subject, bucket, 1);
      await turn('Enabled');
      await put(subject, bucket, 2);
      assert.equal(versionsOf(subject, bucket), '2* 1n');
      assert.equal(namespace.version(bucket.id, key, 'null')?.modifiedMs, 1_700_000_000_001);
      await turn('Suspended');
      assert.equal(await put(subject, bucket, 3), 'null');
      assert.equal(versionsOf(subject, bucket), '3n* 2');
      assert.deepEqual(blobIds(buried()), [1]);
      await turn('Enabled');
      await put(subject, bucket, 4);
      assert.equal(versionsOf(subject, bucket), '4* 3n 2');
      await turn('Suspended');
      const outcome = await commit((t) => namespace.deleteObject(t, bucket, key, marker));
      assert.deepEqual(outcome, { versionId: 'null', isDeleteMarker: true });
      assert.equal(versionsOf(subject, bucket), 'mn* 4 2');
      assert.deepEqual(blobIds(buried()), [1, 3]);
      const again = await commit((t) => namespace.deleteObject(t, bucket, key, marker));
      assert.deepEqual(again, { versionId: 'null', isDeleteMarker: true });
      assert.equal(versionsOf(subject, bucket), 'mn* 4 2');
      await commit((t) => namespace.deleteVersion(t, bucket, key, 'null'));
      assert.equal(versionsOf(subject, bucket), '4* 2');
      assert.equal(namespace.version(bucket.id, key, 'null'), undefined);
      assert.deepEqual(keysOf(subject, bucket), [key]);
    }),
  );

  test(
    'a null version that became current again is like one that always was',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      await put(subject, bucket, 1);
      await commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
      const second = await put(subject, bucket, 2);
      await commit((t) => namespace.deleteVersion(t, bucket, key, second));
      assert.equal(versionsOf(subject, bucket), '1n*');
      await commit((t) => namespace.deleteVersion(t, bucket, key, 'null'));
      assert.equal(versionsOf(subject, bucket), '');
      await put(subject, bucket, 3);
      assert.equal(namespace.version(bucket.id, key, 'null'), undefined);
      await commit((t) => namespace.setVersioning(t, bucket.id, 'Suspended'));
      await put(subject, bucket, 4);
      assert.equal(versionsOf(subject, bucket), '4n* 3');
      assert.deepEqual(blobIds(buried()), [1, 2]);
    }),
  );

  test(
    'a version is found by its own id only',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const id = await put(subject, bucket, 1);
      assert.equal(namespace.version(bucket.id, key, id)?.versionId, id);
      assert.equal(namespace.version(bucket.id, 'other', id), undefined);
      assert.equal(namespace.version(bucket.id + 1, key, id), undefined);
      assert.equal(namespace.version(bucket.id, key, 'null'), undefined);
      const forged = `${id.slice(0, 14)}${id[14] === '0' ? '1' : '0'}${id.slice(15)}`;
      for (const other of [forged, id.toUpperCase(), `${id}0`, '', 'x']) {
        assert.equal(namespace.version(bucket.id, key, other), undefined, other);
        const outcome = await commit((t) => namespace.deleteVersion(t, bucket, key, other));
        assert.deepEqual(outcome, { versionId: undefined, isDeleteMarker: false }, other);
      }
      assert.equal(namespace.isVersionId(id), true);
      assert.equal(namespace.isVersionId(forged), true);
      assert.equal(namespace.isVersionId('null'), true);
      for (const text of ['', 'nul', 'NULL', `${id}0`, id.slice(1), `${id.slice(0, 19)}z`]) {
        assert.equal(namespace.isVersionId(text), false, text);
      }
    }),
  );

  test(
    'a key written several times in one commit has all its versions, in order',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const ids = await commit((t) => [
        namespace.putVersion(t, bucket, key, draftOf(1)).versionId,
        namespace.deleteObject(t, bucket, key, marker).versionId,
        namespace.putVersion(t, bucket, key, draftOf(2)).versionId,
        namespace.deleteObject(t, bucket, key, marker).versionId,
        namespace.deleteObject(t, bucket, key, marker).versionId,
      ]);
      assert.equal(new Set(ids).size, 5);
      assert.equal(versionsOf(subject, bucket), 'm* m 2 m 1');
    }),
  );

  test(
    'an undone commit leaves versions, listing and graves as they were',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      await put(subject, bucket, 1);
      const undone = commit((t) => {
        namespace.putVersion(t, bucket, key, draftOf(2));
        namespace.putVersion(t, bucket, 'other', draftOf(3, 1, { ownerId: 'cd'.repeat(32) }));
        assert.equal(namespace.current(bucket.id, key)?.modifiedMs, 1_700_000_000_002);
        throw new Error('undo');
      });
      await assert.rejects(undone, /undo/);
      assert.equal(versionsOf(subject, bucket), '1n*');
      assert.deepEqual(keysOf(subject, bucket), [key]);
      assert.deepEqual(buried(), []);
      const draft = draftOf(4, 1, { ownerId: 'cd'.repeat(32) });
      await commit((t) => namespace.putVersion(t, bucket, 'other', draft));
      assert.equal(namespace.current(bucket.id, 'other')?.ownerId, 'cd'.repeat(32));
    }),
  );

  test(
    'everything in a draft comes back',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const crc = Buffer.from([1, 2, 3, 4]).toString('base64');
      const parts: ObjectPart[] = [
        { number: 1, size: 5, etag: md5OfNothing },
        {
          number: 7,
          size: 0,
          etag: 'odd',
          checksum: { algorithm: 'CRC32', type: 'FULL_OBJECT', value: crc },
        },
      ];
      const draft: VersionDraft = {
        isDeleteMarker: false,
        size: 2 ** 40 + 5,
        etag: `${md5OfNothing}-2`,
        modifiedMs: 1_700_000_000_123,
        ownerId: 'short',
        storageClass: 'MY_OWN',
        headers: {
          system: { 'content-type': 'text/plain;charset=x', 'x-other': '' },
          user: Object.fromEntries([
            ['__proto__', 'a'],
            ['constructor', 'b'],
            ['e', 'é🎈'],
          ]),
        },
        checksum: { algorithm: 'CRC32', type: 'COMPOSITE', value: `${crc}-2` },
        tags: { a: '1', b: '' },
        acl: 'public-read',
        extents: [
          { snapshot: { blobId: 2 ** 48 - 1, version: 3 }, offset: 9, length: 2 ** 40 },
          extentOf(4, 5),
        ],
        parts,
      };
      const written = await commit((t) => namespace.putVersion(t, bucket, key, draft));
      const { extents, parts: _, ...fields } = draft;
      const version = namespace.current(bucket.id, key);
      assert.ok(version);
      assert.deepEqual(version, written);
      for (const [name, value] of Object.entries(fields)) {
        assert.deepEqual(Reflect.get(version, name), value, name);
      }
      assert.equal(version.partCount, 2);
      assert.deepEqual(namespace.extents(bucket.id, version), extents);
      assert.deepEqual(namespace.parts(bucket.id, version), parts);
      const [listed] = objectsPage(namespace, bucket.id, everything).items;
      const { size, etag, modifiedMs, ownerId: owner, storageClass } = draft;
      assert.deepEqual(listed, {
        ...{ key, versionId: 'null', isDeleteMarker: false, isLatest: true },
        ...{ size, etag, modifiedMs, ownerId: owner, storageClass },
        checksum: { algorithm: 'CRC32', type: 'COMPOSITE' },
      });
    }),
  );

  test(
    'tags and ACL of a version are changed alone, of the current one and of older ones',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const extents = Array.from({ length: 9 }, (_, index) => extentOf(index + 1, 1));
      const draft = draftOf(0, 9, { extents, tags: { a: '1' } });
      const old = await commit((t) => namespace.putVersion(t, bucket, key, draft));
      const now = await commit((t) => namespace.putVersion(t, bucket, key, draftOf(20)));
      const amend = (id: string, change: VersionChange) =>
        commit((t) => namespace.amendVersion(t, bucket, key, id, change));
      assert.equal(await amend(old.versionId, { acl: everyGrant }), true);
      assert.equal(await amend(now.versionId, { tags: { b: '2' } }), true);
      assert.equal(await amend('null', { acl: 'private' }), false);
      const changed = namespace.version(bucket.id, key, old.versionId);
      assert.deepEqual(changed, { ...old, acl: everyGrant });
      assert.deepEqual(changed && namespace.extents(bucket.id, changed), extents);
      const { tags, acl } = namespace.current(bucket.id, key) ?? {};
      assert.deepEqual({ tags, acl }, { tags: { b: '2' }, acl: undefined });
    }),
  );

  test(
    'an object of 10,000 parts: HEAD, extents, parts, and each reference given back once',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const numbers = Array.from({ length: 10_000 }, (_, index) => index + 1);
      const extents = numbers.map((number) => extentOf(number, number));
      const value = Buffer.alloc(32, 7).toString('base64');
      const checksum = { algorithm: 'SHA256', type: 'FULL_OBJECT', value } as const;
      const parts = numbers.map((number) => ({
        number,
        size: number,
        etag: md5OfNothing,
        checksum,
      }));
      const size = extents.reduce((sum, { length }) => sum + length, 0);
      const draft = draftOf(0, size, { extents, parts });
      const big = await commit((t) => namespace.putVersion(t, bucket, key, draft));
      const neighbour = await commit((t) => namespace.putVersion(t, bucket, key, draftOf(20_000)));
      const version = namespace.version(bucket.id, key, big.versionId);
      assert.ok(version);
      assert.equal(version.partCount, 10_000);
      assert.deepEqual(namespace.extents(bucket.id, version), extents);
      assert.deepEqual(namespace.parts(bucket.id, version), parts);
      assert.equal(namespace.extents(bucket.id, neighbour).length, 1);
      assert.deepEqual(heldBlobIds(subject), [...numbers, 20_000]);
      await commit((t) => namespace.deleteVersion(t, bucket, key, big.versionId));
      assert.deepEqual(blobIds(buried()), numbers);
      assert.deepEqual(heldBlobIds(subject), [20_000]);
      assert.throws(() => namespace.extents(bucket.id, version), { kind: 'no-such-version' });
    }),
  );

  test(
    'keys that cannot be stored are refused on writing and absent on reading',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      for (const bad of ['', 'x'.repeat(1025), 'é'.repeat(513), '\0'.repeat(1024), 'a\ud800']) {
        const write = commit((t) => namespace.putVersion(t, bucket, bad, draftOf(1)));
        await assert.rejects(write, { kind: 'bad-key' });
        assert.equal(namespace.current(bucket.id, bad), undefined);
        assert.equal(namespace.version(bucket.id, bad, 'null'), undefined);
        const outcome = await commit((t) => namespace.deleteObject(t, bucket, bad, marker));
        assert.equal(outcome.versionId, undefined);
      }
      const wrong = commit((t) => namespace.putVersion(t, bucket, key, draftOf(1, 1, { size: 2 })));
      await assert.rejects(wrong, { kind: 'invalid-argument' });
    }),
  );
}
