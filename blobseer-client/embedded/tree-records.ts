/**
 * The segment trees of the embedded engine: blocks of 256 pages, and where a snapshot's tree begins. Behind the
 * addresses of pages stand the rests of those that have one, in their order, each with its length (2) in front.
 */
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
const restLengthBytes = 2;
const noTail = Buffer.alloc(0);

/** The ref of the root, or of a tree of one page that page's address, and in the tail its rest. */
export const pageTreeCodec: TreeCodec<PageTree> = {
  headBytes: addressBytes,
  encode({ root, leaf }) {
    const head = Buffer.allocUnsafe(addressBytes);
    if (root === null) writeAddress(head, 0, leaf);
    else head.fill(0, unitKey(root.writeId, root.index).copy(head));
    return { head, tail: leaf?.rest === undefined ? noTail : encodeRests([leaf]) };
  },
  decode(head, tail, pageCount) {
    const rests = new Rests(tail, 'snapshot record');
    const leaf = pageCount === 1 ? readAddress(head, 0, rests.next) : null;
    rests.end();
    return { pageCount, leaf, root: pageCount > 1 ? readRef(head, 0) : null };
  },
};

function encodeRests(pages: readonly (PageAddress | null)[]): Buffer {
  let length = 0;
  for (const page of pages) {
    if (page?.rest !== undefined) length += restLengthBytes + page.rest.length;
  }
  if (length === 0) return noTail;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const page of pages) {
    if (page?.rest === undefined) continue;
    at = bytes.writeUInt16BE(page.rest.length, at);
    bytes.set(page.rest, at);
    at += page.rest.length;
  }
  return bytes;
}

/** Rests, one by one. Both throw `corrupt`. */
class Rests {
  private readonly bytes: Buffer;
  private readonly owner: string;
  private at = 0;

  constructor(bytes: Buffer, owner: string) {
    this.bytes = bytes;
    this.owner = owner;
  }

  readonly next = (): Buffer => {
    const start = this.at + restLengthBytes;
    if (start > this.bytes.length) throw damaged(this.owner);
    this.at = start + this.bytes.readUInt16BE(this.at);
    if (this.at > this.bytes.length) throw damaged(this.owner);
    return this.bytes.subarray(start, this.at);
  };

  /** That none is left. */
  end(): void {
    if (this.at !== this.bytes.length) throw damaged(this.owner);
  }
}

export function encodeBlock(block: PageBlock): Buffer {
  if ('leaves' in block) {
    const rests = encodeRests(block.leaves);
    const restsAt = 4 + block.leaves.length * addressBytes;
    const bytes = Buffer.allocUnsafe(restsAt + rests.length);
    bytes.writeUInt16BE(block.level, 0);
    bytes.writeUInt16BE(block.leaves.length, 2);
    block.leaves.forEach((leaf, index) => {
      writeAddress(bytes, 4 + index * addressBytes, leaf);
    });
    rests.copy(bytes, restsAt);
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
  const end = 4 + count * (level === 1 ? addressBytes : refBytes);
  if (level === 0 || bytes.length < end) throw damaged('tree block');
  const rests = new Rests(bytes.subarray(end), 'tree block');
  if (level === 1) {
    const leaves: (PageAddress | null)[] = [];
    for (let index = 0; index < count; index++)
      leaves.push(readAddress(bytes, 4 + index * addressBytes, rests.next));
    rests.end();
    return { level: 1, leaves };
  }
  rests.end();
  const blocks: (BlockRef | null)[] = [];
  for (let index = 0; index < count; index++) blocks.push(readRef(bytes, 4 + index * refBytes));
  return { level, blocks };
}

function readRef(source: Buffer, at: number): BlockRef | null {
  const ref = decodeUnitKey(source.subarray(at, at + refBytes));
  return ref.writeId === 0 ? null : ref;
}
