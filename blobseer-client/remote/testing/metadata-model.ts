/** Metadata providers as a model: nodes and lists of pages by their names, a step per record. */
import { BlobSeerError } from '../../errors.ts';
import type { PageRecord } from '../metadata-providers.ts';
import type { RepairTools } from '../unchanged-version.ts';
import type { Segment, TreeNode } from '../wire/records.ts';
import { type NodeRecord, type NodeWalk, runWalk } from '../wire/tree.ts';
import { nameOf } from './nodes.ts';

type Records = { readonly nodes?: readonly NodeRecord[]; readonly pages?: readonly PageRecord[] };

export class MetadataModel {
  readonly nodes = new Map<string, TreeNode>();
  /** Pages with lists, by key in hexadecimal digits. */
  readonly lists = new Set<string>();

  /** As somebody sees it who does one thing after the other, each when `step` resolves. */
  seenThrough(step: () => Promise<void>): RepairTools['metadata'] {
    const nodes = async (segments: readonly Segment[]) => {
      await step();
      return segments.map((segment) => this.nodes.get(nameOf(segment)));
    };
    return {
      nodes,
      pages: async (keys) => {
        await step();
        return keys.map((key) => (this.lists.has(hex(key)) ? [] : undefined));
      },
      put: async (records: Records) => {
        for (const { key } of records.pages ?? []) {
          await step();
          this.lists.add(hex(key));
        }
        for (const { segment, node } of records.nodes ?? []) {
          await step();
          this.nodes.set(nameOf(segment), node);
        }
        return [];
      },
      run: <Result>(walk: NodeWalk<Result>) =>
        runWalk(walk, async (segments) =>
          (await nodes(segments)).map((node, index) => {
            if (node !== undefined) return node;
            throw new BlobSeerError('corrupt', `node ${nameOf(segments[index]!)} is missing`);
          }),
        ),
    };
  }
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString('hex');
