/**
 * The segment tree of a snapshot, all of it: the one module that others import.
 *
 * Algorithms are generators without I/O: they yield the refs of the blocks they need, a batch per
 * level, and are resumed with those blocks in the same order. So one algorithm runs on a
 * synchronous store (`runSync`) and on remote metadata providers (`runAsync`).
 */
export {
  type Block,
  type InnerBlock,
  type LeafBlock,
  MalformedTreeError,
  type NewBlock,
  runAsync,
  runSync,
  type Tree,
  type TreeWalk,
} from './blocks.ts';
export { type BuildOptions, buildTree } from './build-tree.ts';
export { leavesOf } from './leaves-of.ts';
