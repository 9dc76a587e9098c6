/** The contract of the four roles: what every implementation of each must do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '@node-rs/crc32';
import type { SnapshotRef } from '../blobseer.ts';
import { BlobSeerError } from '../errors.ts';
import type { ChangedPage, NewSnapshot, PageAddress, Roles } from '../roles.ts';
import type { Store } from '../store.ts';

const pageSize = 4096;

export interface RolesUnderTest<Tree> {
  readonly roles: Roles<Tree>;
  readonly store: Store;
}

type WithRoles<Tree> = (run: (parts: RolesUnderTest<Tree>) => Promise<void>) => Promise<void>;

function isKind(kind: BlobSeerError['kind']): (error: unknown) => boolean {
  return (error) => error instanceof BlobSeerError && error.kind === kind;
}

function page(seed: number, length = pageSize): Buffer {
  return Buffer.alloc(length, seed);
}

/** Stores pages as one write; their addresses. */
async function storePages<Tree>(
  { roles, store }: RolesUnderTest<Tree>,
  pages: readonly Buffer[],
): Promise<PageAddress[]> {
  const writeId = roles.providerManager.newId();
  const blobId = roles.providerManager.newId();
  const writer = roles.providerManager.place(writeId, pageSize, blobId);
  const stored: PageAddress[] = [];
  for (const bytes of pages) {
    await writer.write(bytes.subarray(0, 100));
    await writer.write(bytes.subarray(100));
    const index = writer.endPage(crc32c(bytes));
    stored.push({ writeId, index, crc: crc32c(bytes), length: bytes.length, inFile: false });
  }
  await writer.seal();
  await store.commit((transaction) => writer.commit(transaction));
  store.refresh();
  return stored.map((address) => writer.placed(address));
}

async function publish<Tree>(
  { roles: { versionManager }, store }: RolesUnderTest<Tree>,
  draft: NewSnapshot,
): Promise<SnapshotRef> {
  const prepared = await versionManager.prepare(draft);
  return store.commit((tx) => versionManager.publish(tx, prepared, draft.blobId));
}

/** Ids are fetched ahead, in the background: who takes them faster than that waits. */
async function newId<Tree>({ providerManager }: Roles<Tree>): Promise<number> {
  for (;;) {
    try {
      return providerManager.newId();
    } catch (error) {
      if (!isKind('no-space')(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

export function testProviders<Tree>(name: string, withRoles: WithRoles<Tree>): void {
  test(`${name}: the provider manager gives each number once`, () =>
    withRoles(async ({ roles }) => {
      const ids = new Set<number>();
      for (let at = 0; at < 70_000; at++) ids.add(await newId(roles));
      assert.equal(ids.size, 70_000);
    }));

  for (const count of [1, 3, 200]) {
    test(`${name}: the data provider returns ${count} pages as they were stored`, () =>
      withRoles(async (parts) => {
        const pages = Array.from({ length: count }, (_, index) => page(index));
        pages.push(page(99, 1234));
        const addresses = await storePages(parts, pages);
        const reader = parts.roles.dataProvider.openReader();
        for (const [index, address] of addresses.entries()) {
          assert.ok((await reader.read([address])).equals(pages[index]!));
        }
        assert.ok((await reader.read(addresses)).equals(Buffer.concat(pages)));
        assert.ok((await reader.read(addresses.slice(1))).equals(Buffer.concat(pages.slice(1))));
        await reader.close();
      }));
  }

  test(`${name}: wrong bytes, wrong lengths and missing pages are corrupt, never returned`, () =>
    withRoles(async (parts) => {
      for (const pages of [[page(1)], Array.from({ length: 100 }, (_, index) => page(index))]) {
        const [address] = await storePages(parts, pages);
        const reader = parts.roles.dataProvider.openReader();
        for (const wrong of [{ crc: 1 }, { length: 5 }, { index: 5000 }, { writeId: 1 }]) {
          await assert.rejects(
            async () => reader.read([{ ...address!, ...wrong }]),
            isKind('corrupt'),
          );
          // In the middle of several too.
          await assert.rejects(
            async () => reader.read([address!, { ...address!, ...wrong }, address!]),
            isKind('corrupt'),
          );
        }
        await reader.close();
      }
    }));

  test(`${name}: only the last page of a write may be short`, () =>
    withRoles(async ({ roles }) => {
      const writer = roles.providerManager.place(
        roles.providerManager.newId(),
        pageSize,
        roles.providerManager.newId(),
      );
      await writer.write(page(1, 10));
      writer.endPage(0);
      await writer.write(page(1));
      assert.throws(() => writer.endPage(0), isKind('invalid-argument'));
      await writer.abort();
    }));
}

export function testVersionManager<Tree>(name: string, withRoles: WithRoles<Tree>): void {
  test(`${name}: tickets rise by one, each snapshot keeps its own tree`, () =>
    withRoles(async (parts) => {
      const { roles, store } = parts;
      const blobId = roles.providerManager.newId();
      await store.commit((tx) => roles.versionManager.createBlob(tx, blobId, pageSize));
      const trees: PageAddress[][] = [];
      for (let version = 1; version <= 3; version++) {
        const pages = await storePages(parts, [page(version), page(version + 50)]);
        const changed: ChangedPage[] = pages.map((address, index) => [index, address]);
        const { writeId } = pages[0]!;
        const draft = { writeId, size: 2 * pageSize, pageSize, base: undefined, blobId, changed };
        const ref = await publish(parts, draft);
        assert.deepEqual(ref, { blobId, version });
        trees.push(pages);
      }
      store.refresh();
      assert.deepEqual(
        roles.versionManager.versions(blobId, 1, 10).map(({ version }) => version),
        [2, 3],
      );
      assert.deepEqual(roles.versionManager.latest(blobId), { blobId, version: 3 });
      for (const [at, pages] of trees.entries()) {
        const head = roles.versionManager.head({ blobId, version: at + 1 });
        assert.equal(head?.size, 2 * pageSize);
        assert.deepEqual(await roles.metadataProvider.leaves(head, 0, 2), pages);
        assert.deepEqual(await roles.metadataProvider.leaves(head, 1, 1), [pages[1]]);
      }
    }));

  test(`${name}: a base must exist; what is missing is not retained`, () =>
    withRoles(async (parts) => {
      const { roles, store } = parts;
      const blobId = roles.providerManager.newId();
      const writeId = roles.providerManager.newId();
      const base = { blobId, version: 7 };
      const draft = { writeId, size: 0, pageSize, base, blobId, changed: [] };
      const { versionManager } = roles;
      await assert.rejects(publish(parts, draft), isKind('conflict'));
      await assert.rejects(
        store.commit((tx) => versionManager.retain(tx, base)),
        isKind('not-found'),
      );
      assert.equal(versionManager.head(base), undefined);
      assert.equal(versionManager.latest(blobId), undefined);
      assert.equal(versionManager.pageSize(blobId), undefined);
    }));

  test(`${name}: references are counted`, () =>
    withRoles(async (parts) => {
      const { roles, store } = parts;
      const { versionManager } = roles;
      const blobId = roles.providerManager.newId();
      const writeId = roles.providerManager.newId();
      const draft = { writeId, size: 0, pageSize, base: undefined, blobId, changed: [] };
      const ref = await publish(parts, draft);
      await store.commit((tx) => versionManager.retain(tx, ref));
      store.refresh();
      assert.equal(versionManager.head(ref)?.references, 2);
    }));
}
