/**
 * For tests of liveness: the contracted forest beside the whole history, compared unit for unit
 * after every release.
 */
import assert from 'node:assert/strict';
import { type Dissolution, dissolve, type Forest, type Node, type Run } from './liveness.ts';

export type Id = number;

/** What a snapshot was when it was made: never contracted, never forgotten. */
interface Snapshot {
  readonly id: Id;
  readonly parent: Id | undefined;
  readonly slots: readonly number[];
  /** Slot ("level:index") -> the unit it wrote there ("writeId/unit/inFile"). */
  readonly wrote: ReadonlyMap<string, string>;
  live: boolean;
}

export function unitsOf(runs: readonly Run[]): string[] {
  return runs.flatMap(({ count, writeId, firstIndex, inFile }) =>
    Array.from({ length: count }, (_, at) => `${writeId}/${firstIndex + at}/${inFile}`),
  );
}

/** The contracted forest as an engine keeps it, changed only by what `dissolve` says. */
export class StoredForest implements Forest<Id> {
  readonly nodes = new Map<Id, Node<Id>>();

  node(id: Id): Node<Id> | undefined {
    return this.nodes.get(id);
  }

  children(id: Id): Id[] {
    return [...this.nodes].filter(([, { parent }]) => parent === id).map(([child]) => child);
  }

  release(id: Id): Dissolution<Id> {
    this.nodes.set(id, { ...this.nodes.get(id)!, live: false });
    const dissolution = dissolve(this, id);
    for (const gone of dissolution.removed) assert.ok(this.nodes.delete(gone), 'removed twice');
    for (const [changed, node] of dissolution.updated) {
      assert.ok(this.nodes.has(changed), 'an unknown or removed node is updated');
      this.nodes.set(changed, node);
    }
    return dissolution;
  }

  /** The units it keeps; checks that it is contracted and in order. */
  check(): string[] {
    const childCounts = new Map<Id, number>();
    for (const { parent } of this.nodes.values()) {
      if (parent === undefined) continue;
      assert.ok(this.nodes.has(parent), 'a parent is gone');
      childCounts.set(parent, (childCounts.get(parent) ?? 0) + 1);
    }
    const units: string[] = [];
    for (const [id, { live, runs, slots }] of this.nodes) {
      assert.ok(live || (childCounts.get(id) ?? 0) > 1, 'a dead node without two children stays');
      assert.ok(slots.every((count) => Number.isSafeInteger(count) && count >= 0));
      for (const [position, run] of runs.entries()) {
        assert.ok(run.count > 0);
        const next = runs[position + 1];
        if (next === undefined) continue;
        const inOrder =
          run.level < next.level ||
          (run.level === next.level && run.start + run.count <= next.start);
        assert.ok(inOrder, 'runs overlap or are unsorted');
      }
      units.push(...unitsOf(runs));
    }
    return units.sort();
  }
}

/** Snapshots as they were made, with the rule applied literally. */
class History {
  readonly snapshots = new Map<Id, Snapshot>();

  live(): Snapshot[] {
    return [...this.snapshots.values()].filter(({ live }) => live);
  }

  /** From every live snapshot upwards: the first unit at each slot, unless cut off on the way. */
  liveUnits(): string[] {
    const units = new Set<string>();
    for (const reader of this.live()) {
      const seen = new Set<string>();
      const limits = new Array<number>(levelLimit).fill(Number.POSITIVE_INFINITY);
      for (let at: Snapshot | undefined = reader; at !== undefined; at = this.parentOf(at)) {
        for (const [slot, unit] of at.wrote) {
          const [level, index] = slot.split(':').map(Number) as [number, number];
          if (seen.has(slot) || index >= limits[level]!) continue;
          seen.add(slot);
          units.add(unit);
        }
        for (let level = 0; level < levelLimit; level++) {
          limits[level] = Math.min(limits[level]!, at.slots[level] ?? 0);
        }
      }
    }
    return [...units].sort();
  }

  parentOf({ parent }: Snapshot): Snapshot | undefined {
    return parent === undefined ? undefined : this.snapshots.get(parent);
  }
}
const levelLimit = 12;

/** Both forests side by side; every release is checked unit for unit. */
export class Bench {
  readonly stored = new StoredForest();
  readonly history = new History();
  #written = 0;
  #freed = 0;
  #kept: string[] = [];

  add(parent: Id | undefined, slots: readonly number[], runs: readonly Run[]): Id {
    const id = this.history.snapshots.size + 1;
    const wrote = new Map<string, string>();
    for (const run of runs) {
      for (const [at, unit] of unitsOf([run]).entries()) {
        wrote.set(`${run.level}:${run.start + at}`, unit);
      }
    }
    this.history.snapshots.set(id, { id, parent, slots, wrote, live: true });
    this.stored.nodes.set(id, { parent, live: true, runs, slots });
    this.#written += wrote.size;
    this.#kept = this.stored.check();
    return id;
  }

  release(id: Id): void {
    this.history.snapshots.get(id)!.live = false;
    const { freed } = this.stored.release(id);
    const freedUnits = unitsOf(freed);
    this.#freed += freedUnits.length;
    const kept = this.stored.check();
    assert.deepEqual([...kept, ...freedUnits].sort(), this.#kept, 'freed or kept by mistake');
    assert.deepEqual(kept, this.history.liveUnits(), 'what is kept is not what is live');
    this.#kept = kept;
  }

  get kept(): readonly string[] {
    return this.#kept;
  }

  assertAllFreed(): void {
    assert.equal(this.stored.nodes.size, 0);
    assert.equal(this.#freed, this.#written);
  }
}
