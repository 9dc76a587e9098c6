/** Metadata providers in memory, for algorithms on tree nodes. */
import assert from 'node:assert/strict';
import type { Segment, TreeNode } from '../wire/records.ts';
import type { NodeRecord, NodeWalk } from '../wire/tree.ts';

export const nameOf = ({ blobId, version, offset, size }: Segment): string =>
  `${blobId}/${version}/${offset}+${size}`;

/** Reading what nobody wrote fails the test. */
export class Nodes {
  readonly #nodes = new Map<string, TreeNode>();

  put(records: readonly NodeRecord[]): void {
    for (const { segment, node } of records) this.#nodes.set(nameOf(segment), node);
  }

  run<Result>(walk: NodeWalk<Result>): Result {
    let step = walk.next();
    while (!step.done) {
      const names = step.value.map(nameOf);
      assert.equal(new Set(names).size, names.length, 'asked for twice at once');
      step = walk.next(
        names.map((name) => this.#nodes.get(name) ?? assert.fail(`no node ${name}`)),
      );
    }
    return step.value;
  }
}
