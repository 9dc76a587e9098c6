/** The contract on listings, beyond what the properties cover. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { objectsPage, versionsPage } from '../testing/pages.ts';
import { draftOf, everything, makeBucket, type OpenSubject, onSubject } from './subject.ts';

const key = 'key';

export function listingsContract(open: OpenSubject): void {
  test(
    'a common prefix is one line and skipped whole, however much it holds',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      await commit((t) => {
        for (let folder = 1; folder <= 4; folder += 1) {
          for (let file = 0; file < folder * 30; file += 1) {
            namespace.putVersion(t, bucket, `${folder}--${file}`, draftOf(file));
          }
        }
        namespace.putVersion(t, bucket, '2-', draftOf(1));
      });
      const query = { ...everything, delimiter: '--', afterVersionId: '' };
      for (const list of [objectsPage, versionsPage]) {
        const page = (more: object) => {
          const found = list(namespace, bucket.id, { ...query, ...more });
          const items = found.items.map((item) => item.key).join(' ');
          return [items, found.commonPrefixes.join(' '), found.isTruncated, found.last];
        };
        assert.deepEqual(page({}), ['2-', '1-- 2-- 3-- 4--', false, '4--']);
        assert.deepEqual(page({ limit: 2 }), ['2-', '1--', true, '2-']);
        assert.deepEqual(page({ limit: 5 }), ['2-', '1-- 2-- 3-- 4--', false, '4--']);
        assert.deepEqual(page({ after: '2--' }), ['', '3-- 4--', false, '4--']);
        assert.deepEqual(page({ after: '2--5', limit: 1 }), ['', '2--', true, '2--']);
      }
    }),
  );

  test(
    'the newest version is told between common prefixes that take several reads',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject, 'bucket', 'Enabled');
      const names = [
        'a',
        ...Array.from({ length: 40 }, (_, n) => `b/${n}`),
        'c/1',
        'c/2',
        'd',
        'e',
      ];
      await commit((t) => {
        for (const name of names) namespace.putVersion(t, bucket, name, draftOf(1));
      });
      const query = { ...everything, delimiter: '/', afterVersionId: '' };
      const page = versionsPage(namespace, bucket.id, query);
      assert.deepEqual(page.commonPrefixes, ['b/', 'c/']);
      const latest = page.items.map((item) => `${item.key} ${item.isLatest}`);
      assert.deepEqual(latest, ['a true', 'd true', 'e true']);
    }),
  );

  test(
    'paging through versions that are deleted meanwhile leaves none out',
    onSubject(open, async (subject) => {
      const { namespace, commit } = subject;
      const bucket = await makeBucket(subject);
      const put = (blobId: number) =>
        commit((t) => namespace.putVersion(t, bucket, key, draftOf(blobId)));
      await put(1);
      await commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
      await put(2);
      await commit((t) => namespace.setVersioning(t, bucket.id, 'Suspended'));
      await put(3);
      await commit((t) => namespace.setVersioning(t, bucket.id, 'Enabled'));
      for (const blobId of [4, 5]) await put(blobId);
      let next = { ...everything, limit: 1, afterVersionId: '' };
      const seen: string[] = [];
      for (;;) {
        const page = versionsPage(namespace, bucket.id, next);
        for (const { versionId, isLatest } of page.items) {
          seen.push(versionId);
          assert.equal(isLatest, true, 'what was newer is gone');
          await commit((t) => namespace.deleteVersion(t, bucket, key, versionId));
        }
        if (!page.isTruncated) break;
        next = { ...next, after: page.last, afterVersionId: page.lastVersionId };
      }
      assert.equal(seen.length, 4);
      assert.equal(namespace.current(bucket.id, key), undefined);
      const bad = { ...everything, after: key, afterVersionId: 'odd' };
      assert.throws(() => versionsPage(namespace, bucket.id, bad), { kind: 'invalid-argument' });
    }),
  );
}
