/** A version manager of the original and metadata providers as models, and pages that are told apart. */
import assert from 'node:assert/strict';
import type { RepairVersions } from '../repair.ts';
import type { RepairTools } from '../unchanged-version.ts';
import type { OwnTicket } from '../version-manager.ts';
import type { Segment, Ticket } from '../wire/records.ts';
import { pageKeysOf } from '../wire/tree.ts';
import { MetadataModel } from './metadata-model.ts';
import { VersionManagerModel } from './version-manager-model.ts';

export const pageSize = 1000;

/** Keys count up; those of pages of zeros begin differently. */
let lastKey = 0;
export function newKey(kind: 'page' | 'zeros' = 'page'): Buffer {
  const key = Buffer.alloc(16, kind === 'zeros' ? 1 : 0);
  key.writeUInt32LE(++lastKey);
  return key;
}
export const isZeros = (key: Buffer | null): boolean => key !== null && key[15] === 1;

export type Pages = readonly (Buffer | null)[];

export class World {
  readonly manager = new VersionManagerModel();
  readonly metadata = new MetadataModel();
  readonly blobId = this.manager.create(pageSize, 1).node.blobId;

  /** The clients of the roles, a `step` before each call and each record. */
  clients(step: () => Promise<void>): { versions: RepairVersions; tools: RepairTools } {
    const { manager } = this;
    const metadata = this.metadata.seenThrough(step);
    const own = ({ pending, stableRoot }: Ticket): OwnTicket => {
      const { interval, root } = pending.at(-1)!;
      const others = pending.slice(0, -1);
      return { version: interval.version, interval, root, pending: others, stableRoot };
    };
    const versions: RepairVersions = {
      newestRoot: async (blobId) => {
        await step();
        const root = manager.root(blobId, 0);
        return root.node.blobId === 0 ? undefined : root;
      },
      publishedRoot: async (blobId, version) => {
        await step();
        const root = manager.root(blobId, version);
        return root.node.version === version ? root : undefined;
      },
      writeTicket: async ({ blobId }, offset, size) => {
        await step();
        return own(manager.ticket(blobId, { offset, size }, false)!);
      },
      appendTicket: async ({ blobId }, size) => {
        await step();
        return own(manager.ticket(blobId, { offset: 0, size }, true)!);
      },
      publish: async ({ blobId, version }) => {
        await step();
        return manager.publish(blobId, version);
      },
    };
    const storeZeroPage = async (): Promise<Buffer> => {
      const key = newKey('zeros');
      await metadata.put({ pages: [{ key, providers: [] }] });
      return key;
    };
    return { versions, tools: { metadata, storeZeroPage } };
  }

  /** All pages of a version by its root; damage fails the test. */
  async pages(root: Segment): Promise<Pages> {
    const { metadata } = this.clients(() => Promise.resolve()).tools;
    const pages = await metadata.run(pageKeysOf(root, pageSize, 0, root.size / pageSize));
    for (const key of pages) {
      if (key !== null)
        assert.ok(this.metadata.lists.has(key.toString('hex')), 'a page no list has');
    }
    return pages;
  }
}
