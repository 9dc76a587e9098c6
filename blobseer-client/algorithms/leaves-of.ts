/** Reading a range of leaves of a segment tree, level by level from the root. */
import { fetchBlocks, type Located, type Tree, type TreeWalk } from './blocks.ts';
import { levelCounts } from './geometry.ts';

/** Leaves [first, first + count), null for holes. Throws RangeError outside [0, pageCount). */
export function* leavesOf<Leaf, Ref>(
  fanOut: number,
  tree: Tree<Leaf, Ref>,
  first: number,
  count: number,
): TreeWalk<Leaf, Ref, (Leaf | null)[]> {
  const end = first + count;
  if (!(Number.isSafeInteger(first) && Number.isSafeInteger(count) && first >= 0 && count >= 0)) {
    throw new RangeError(`no range of pages: ${count} pages from page ${first}`);
  }
  if (end > tree.pageCount) {
    throw new RangeError(`pages ${first} to ${end} are not within ${tree.pageCount} pages`);
  }
  const leaves: (Leaf | null)[] = new Array(count).fill(null);
  if (count === 0) return leaves;
  const counts = levelCounts(tree.pageCount, fanOut);
  if (counts.length === 1) {
    leaves[0] = tree.leaf;
    return leaves;
  }
  let wanted: Located<Ref>[] = tree.root === null ? [] : [{ index: 0, value: tree.root }];
  for (let level = counts.length - 1; wanted.length > 0; level--) {
    const fetched = yield* fetchBlocks<Leaf, Ref>(fanOut, counts, level, wanted);
    const next: Located<Ref>[] = [];
    // Children of this level lie in [from, to) of the level below.
    const childPages = fanOut ** (level - 1);
    const from = Math.floor(first / childPages);
    const to = Math.ceil(end / childPages);
    for (const [index, block] of fetched) {
      const firstChild = index * fanOut;
      const start = Math.max(firstChild, from);
      const stop = Math.min(firstChild + fanOut, to);
      for (let child = start; child < stop; child++) {
        if ('leaves' in block) {
          leaves[child - first] = block.leaves[child - firstChild] ?? null;
        } else {
          const ref = block.blocks[child - firstChild] ?? null;
          if (ref !== null) next.push({ index: child, value: ref });
        }
      }
    }
    wanted = next;
  }
  return leaves;
}
