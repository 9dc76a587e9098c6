/** The namespace on the embedded BlobSeer: its contract, and the references it really holds. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import {
  type EmbeddedBlobSeer,
  openEmbedded,
  type SnapshotRef,
} from '../../blobseer-client/index.ts';
import { namespaceContract } from './contract/namespace-contract.ts';
import { bucketDraftOf, draftOf, partOf, type Subject, uploadDraftOf } from './contract/subject.ts';
import type { Namespace } from './namespace.ts';
import { openNamespace } from './store-namespace.ts';
import { GraveRecorder } from './testing/grave-recorder.ts';

async function withBlobSeer(): Promise<{ blobseer: EmbeddedBlobSeer; close(): Promise<void> }> {
  const directory = await mkdtemp(path.join(tmpdir(), 'blobseer-namespace-'));
  const blobseer = await openEmbedded({ directory, role: 'alone' });
  const close = async () => {
    await blobseer.close();
    await rm(directory, { recursive: true });
  };
  return { blobseer, close };
}

/** The contract's snapshots are made up, so what is buried is written down instead. */
async function openSubject(): Promise<Subject> {
  const { blobseer, close } = await withBlobSeer();
  const { store } = blobseer;
  const recorder = new GraveRecorder(store);
  return {
    namespace: openNamespace(recorder),
    async commit(work) {
      const result = await store.commit(work);
      store.refresh();
      return result;
    },
    buried: () => recorder.graves().flatMap(({ refs }) => refs),
    close,
  };
}

namespaceContract('the embedded BlobSeer', openSubject, { propertyRuns: 15 });

async function publish(blobseer: EmbeddedBlobSeer, bytes: string): Promise<SnapshotRef> {
  const staged = await blobseer.stage([Buffer.from(bytes)]);
  await staged.seal();
  return blobseer.store.commit((t) => blobseer.publish(t, staged));
}

async function checked(blobseer: EmbeddedBlobSeer, namespace: Namespace) {
  for (let pass = 0; pass < 3; pass += 1) await blobseer.maintain();
  const { problems, snapshots } = await blobseer.check({ references: namespace.inspect() });
  return { problems: [...problems], snapshots };
}

test('versions and parts hold their snapshots, and the last one gone leaves none', async () => {
  const { blobseer, close } = await withBlobSeer();
  try {
    const namespace = openNamespace(blobseer);
    const { store } = blobseer;
    const bucket = await store.commit((t) => {
      const made = namespace.createBucket(t, bucketDraftOf('b'));
      assert.ok(made);
      namespace.setVersioning(t, made.id, 'Enabled');
      return made;
    });
    const extent = async (bytes: string) => ({
      snapshot: await publish(blobseer, bytes),
      offset: 0,
      length: bytes.length,
    });
    const one = await extent('one');
    const putExtents = (key: string, extents: (typeof one)[]) => {
      const size = extents.reduce((sum, { length }) => sum + length, 0);
      return store.commit((t) => {
        // A copy: each extent of a version owns a reference of its own.
        if (key === 'copy') for (const { snapshot } of extents) blobseer.retain(t, snapshot);
        return namespace.putVersion(t, bucket, key, draftOf(1, size, { extents }));
      });
    };
    const first = await putExtents('a', [one]);
    const copy = await putExtents('copy', [one, one]);
    const many = await Promise.all(Array.from({ length: 9 }, (_, index) => extent(`part${index}`)));
    const large = await putExtents('large', many);
    const upload = await store.commit((t) =>
      namespace.createUpload(t, bucket.id, uploadDraftOf('b')),
    );
    for (const number of [1, 2, 1]) {
      const part = { ...partOf(number, 0, 3), extents: [await extent('abc')] };
      await store.commit((t) => namespace.putPart(t, upload, part));
    }
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 12 });

    await store.commit((t) => namespace.deleteVersion(t, bucket, 'a', first.versionId));
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 12 });
    await store.commit((t) => namespace.deleteVersion(t, bucket, 'copy', copy.versionId));
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 11 });
    await store.commit((t) => namespace.deleteVersion(t, bucket, 'large', large.versionId));
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 2 });
    assert.equal(await store.commit((t) => namespace.deleteBucket(t, bucket.id)), true);
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 2 });
    while (await namespace.sweep());
    assert.deepEqual(await checked(blobseer, namespace), { problems: [], snapshots: 0 });
    assert.deepEqual([...namespace.inspect()], []);
  } finally {
    await close();
  }
});
