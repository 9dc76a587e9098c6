/** A set of pages, by write and index. Most writes are of one page: a number each in memory. */
import type { PageAddress } from '../roles.ts';

type PageName = Pick<PageAddress, 'writeId' | 'index'>;

export class PageSet {
  /** Writes whose first page is in it. */
  private readonly firsts = new Set<number>();
  /** Write id to the indexes above 0. */
  private readonly others = new Map<number, Set<number>>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** False where it is in the set already. */
  add({ writeId, index }: PageName): boolean {
    const [set, value] = index === 0 ? [this.firsts, writeId] : [this.othersOf(writeId), index];
    if (set.has(value)) return false;
    set.add(value);
    this.count++;
    return true;
  }

  private othersOf(writeId: number): Set<number> {
    let indexes = this.others.get(writeId);
    if (indexes === undefined) {
      indexes = new Set();
      this.others.set(writeId, indexes);
    }
    return indexes;
  }

  delete({ writeId, index }: PageName): void {
    const isGone =
      index === 0 ? this.firsts.delete(writeId) : this.others.get(writeId)?.delete(index);
    if (isGone === true) this.count--;
  }
}
