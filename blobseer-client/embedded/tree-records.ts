/** The segment trees of the embedded engine: blocks of 256 pages, and where a snapshot's tree begins. */
import type { Block, Tree } from '../algorithms/segment-tree.ts';
import type { PageAddress } from '../roles.ts';
import {
  addressBytes,
  damaged,
  decodeUnitKey,
  readAddress,
  type TreeCodec,
  unitKey,
  writeAddress,
} from './records.ts';

/** Names a block of a segment tree: blocks are numbered within a write. */
export interface BlockRef {
  readonly writeId: number;
  readonly index: number;
}

export type PageTree = Tree<PageAddress, BlockRef>;
export type PageBlock = Block<PageAddress, BlockRef>;

const refBytes = 10;
const noTail = Buffer.alloc(0);

/** The ref of the root, or of a tree of one page that page's address. */
export const pageTreeCodec: TreeCodec<PageTree> = {
  headBytes: addressBytes,
  encode({ root, leaf }) {
    const head = Buffer.alloc(addressBytes);
    if (root !== null) unitKey(root.writeId, root.index).copy(head);
    else writeAddress(head, 0, leaf);
    return { head, tail: noTail };
  },
  decode(head, tail, pageCount) {
    if (tail.length > 0) throw damaged('snapshot record');
    return {
      pageCount,
      leaf: pageCount === 1 ? readAddress(head, 0) : null,
      root: pageCount > 1 ? readRef(head, 0) : null,
    };
  },
};

export function encodeBlock(block: PageBlock): Buffer {
  if ('leaves' in block) {
    const bytes = Buffer.allocUnsafe(4 + block.leaves.length * addressBytes);
    bytes.writeUInt16BE(block.level, 0);
    bytes.writeUInt16BE(block.leaves.length, 2);
    block.leaves.forEach((leaf, index) => {
      writeAddress(bytes, 4 + index * addressBytes, leaf);
    });
    return bytes;
  }
  const bytes = Buffer.alloc(4 + block.blocks.length * refBytes);
  bytes.writeUInt16BE(block.level, 0);
  bytes.writeUInt16BE(block.blocks.length, 2);
  block.blocks.forEach((ref, index) => {
    if (ref !== null) unitKey(ref.writeId, ref.index).copy(bytes, 4 + index * refBytes);
  });
  return bytes;
}

export function decodeBlock(bytes: Buffer): PageBlock {
  const level = bytes.readUInt16BE(0);
  const count = bytes.readUInt16BE(2);
  const width = level === 1 ? addressBytes : refBytes;
  if (level === 0 || bytes.length !== 4 + count * width) throw damaged('tree block');
  if (level === 1) {
    const leaves: (PageAddress | null)[] = [];
    for (let index = 0; index < count; index++)
      leaves.push(readAddress(bytes, 4 + index * addressBytes));
    return { level: 1, leaves };
  }
  const blocks: (BlockRef | null)[] = [];
  for (let index = 0; index < count; index++) blocks.push(readRef(bytes, 4 + index * refBytes));
  return { level, blocks };
}

function readRef(source: Buffer, at: number): BlockRef | null {
  const ref = decodeUnitKey(source.subarray(at, at + refBytes));
  return ref.writeId === 0 ? null : ref;
}
