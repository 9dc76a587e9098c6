/** The contract on multipart uploads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  blobIds,
  draftOf,
  everyGrant,
  extentOf,
  heldBlobIds,
  makeBucket,
  type OpenSubject,
  onSubject,
  partOf,
  uploadDraftOf,
} from './subject.ts';

const list = { prefix: '', delimiter: '', keyMarker: '', uploadIdMarker: '', limit: 1000 };

export function uploadsContract(open: OpenSubject): void {
  test(
    'an upload comes back as it was made, under its own key and id only',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const draft = uploadDraftOf('a/b', {
        initiatorId: 'somebody',
        storageClass: 'GLACIER',
        headers: { system: { 'content-type': 'x/y' }, user: { n: 'v' } },
        tags: { t: '1' },
        acl: everyGrant,
        checksum: { algorithm: 'CRC64NVME', type: 'FULL_OBJECT' },
      });
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, draft));
      const { uploadId } = upload;
      assert.deepEqual(upload, { ...draft, bucketId: bucket.id, uploadId, generation: 0 });
      assert.deepEqual(namespace.upload(bucket.id, 'a/b', uploadId), upload);
      for (const [key, id] of [
        ['a', uploadId],
        ['a/b', `${uploadId}0`],
        ['a/b', ''],
        ['', uploadId],
      ] as const) {
        assert.equal(namespace.upload(bucket.id, key, id), undefined);
      }
      assert.equal(namespace.current(bucket.id, 'a/b'), undefined);
    }),
  );

  test(
    'parts come back in order and in pages; a replaced part is given back; generations rise',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('a')));
      const value = Buffer.alloc(8, 1).toString('base64');
      const full = {
        ...partOf(2, 1, 7),
        extents: [extentOf(1, 3), extentOf(2, 4)],
        checksums: [
          { algorithm: 'CRC64NVME', type: 'FULL_OBJECT', value },
          { algorithm: 'CRC32', type: 'FULL_OBJECT', value: 'AAAAAA==' },
        ] as const,
      };
      for (const part of [partOf(10_000, 9), full, partOf(1, 8)]) {
        await commit((t) => namespace.putPart(t, upload, part));
      }
      assert.deepEqual(namespace.uploadParts(upload, 0, 1000), [
        partOf(1, 8),
        full,
        partOf(10_000, 9),
      ]);
      assert.deepEqual(namespace.uploadParts(upload, 0, 2), [partOf(1, 8), full]);
      assert.deepEqual(namespace.uploadParts(upload, 2, 2), [partOf(10_000, 9)]);
      assert.deepEqual(namespace.uploadParts(upload, 10_000, 2), []);
      assert.deepEqual(namespace.uploadParts(upload, 0, 0), []);
      assert.deepEqual(buried(), []);
      await commit((t) => namespace.putPart(t, upload, partOf(2, 5)));
      assert.deepEqual(blobIds(buried()), [1, 2]);
      assert.equal(namespace.upload(bucket.id, 'a', upload.uploadId)?.generation, 4);
      for (const number of [0, 10_001, 1.5]) {
        const bad = commit((t) => namespace.putPart(t, upload, partOf(number, 6)));
        await assert.rejects(bad, { kind: 'invalid-argument' });
      }
    }),
  );

  test(
    'complete: kept parts hand their extents on, the others are given back by the sweep',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('a')));
      for (const number of [1, 2, 3, 9000]) {
        await commit((t) => namespace.putPart(t, upload, partOf(number, number)));
      }
      assert.deepEqual(heldBlobIds(subject), [1, 2, 3, 9000]);
      const extents = [extentOf(1, 1), extentOf(3, 1)];
      await commit((t) => {
        namespace.putVersion(t, bucket, 'a', draftOf(0, 2, { extents }));
        namespace.endUpload(t, upload, new Set([1, 3]));
      });
      assert.equal(namespace.upload(bucket.id, 'a', upload.uploadId), undefined);
      assert.deepEqual(namespace.uploadParts(upload, 0, 10), []);
      assert.deepEqual(heldBlobIds(subject), [1, 2, 3, 9000], 'no reference is named twice');
      while (await namespace.sweep());
      assert.deepEqual(blobIds(buried()), [2, 9000]);
      assert.deepEqual(heldBlobIds(subject), [1, 3]);
      assert.equal(await namespace.sweep(), false);
    }),
  );

  test(
    'a part that comes after the end of its upload is refused, and leaves nothing',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('a')));
      await commit((t) => namespace.putPart(t, upload, partOf(1, 1)));
      await commit((t) => namespace.endUpload(t, upload, new Set()));
      const gone = { kind: 'no-such-upload' };
      await assert.rejects(
        commit((t) => namespace.putPart(t, upload, partOf(2, 2))),
        gone,
      );
      await assert.rejects(
        commit((t) => namespace.endUpload(t, upload, new Set())),
        gone,
      );
      while (await namespace.sweep());
      assert.deepEqual(blobIds(buried()), [1]);
      assert.deepEqual(heldBlobIds(subject), []);
    }),
  );

  test(
    'a sweep takes many parts in several slices',
    onSubject(open, async (subject) => {
      const { namespace, commit, buried } = subject;
      const bucket = await makeBucket(subject);
      const upload = await commit((t) => namespace.createUpload(t, bucket.id, uploadDraftOf('a')));
      const numbers = Array.from({ length: 1200 }, (_, index) => index + 1);
      await commit((t) => {
        for (const number of numbers) namespace.putPart(t, upload, partOf(number, number));
      });
      await commit((t) => namespace.endUpload(t, upload, new Set([600])));
      let slices = 0;
      do slices += 1;
      while (await namespace.sweep());
      assert.ok(slices > 1, `${slices} slices`);
      assert.deepEqual(
        blobIds(buried()),
        numbers.filter((number) => number !== 600),
      );
    }),
  );

  test(
    'uploads are listed by key, then by initiation, with prefix, delimiter and markers',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const ids = new Map<string, string>();
      for (const [name, key] of [
        ['b1', 'b'],
        ['x1', 'a/x'],
        ['b2', 'b'],
        ['y1', 'a/y'],
        ['n1', 'b\0'],
        ['b3', 'b'],
      ] as const) {
        const upload = await commit((t) =>
          namespace.createUpload(t, bucket.id, uploadDraftOf(key)),
        );
        ids.set(upload.uploadId, name);
      }
      const idOf = (wanted: string) => [...ids].find(([, name]) => name === wanted)![0];
      const names = (query: Partial<typeof list>) => {
        const page = namespace.listUploads(bucket.id, { ...list, ...query });
        const items = page.items.map(({ uploadId }) => ids.get(uploadId)).join(' ');
        const last = `${page.last}:${ids.get(page.lastUploadId) ?? ''}`;
        return [items, page.commonPrefixes.join(' '), page.isTruncated, last];
      };
      assert.deepEqual(names({}), ['x1 y1 b1 b2 b3 n1', '', false, 'b\0:n1']);
      assert.deepEqual(names({ limit: 4 }), ['x1 y1 b1 b2', '', true, 'b:b2']);
      const b2 = { keyMarker: 'b', uploadIdMarker: idOf('b2') };
      assert.deepEqual(names(b2), ['b3 n1', '', false, 'b\0:n1']);
      assert.deepEqual(names({ keyMarker: 'b' }), ['n1', '', false, 'b\0:n1']);
      assert.deepEqual(names({ uploadIdMarker: idOf('b2'), limit: 1 }), ['x1', '', true, 'a/x:x1']);
      assert.deepEqual(names({ delimiter: '/', limit: 1 }), ['', 'a/', true, 'a/:']);
      const rest = names({ delimiter: '/', keyMarker: 'a/' });
      assert.deepEqual(rest, ['b1 b2 b3 n1', '', false, 'b\0:n1']);
      assert.deepEqual(names({ prefix: 'a/', delimiter: '/' }), ['x1 y1', '', false, 'a/y:y1']);
      assert.deepEqual(names({ limit: 0 }), ['', '', false, ':']);
      assert.throws(() => names({ keyMarker: 'b', uploadIdMarker: 'odd' }), {
        kind: 'invalid-argument',
      });
    }),
  );
}
