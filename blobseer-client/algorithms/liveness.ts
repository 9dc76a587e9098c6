/**
 * Liveness: which pages and tree blocks may be freed when a snapshot loses its last reference.
 *
 * Snapshots form a forest: a snapshot's parent is the one that it shares slots with. It sees its
 * parent's slot unless it wrote that slot itself or its own size cut it off. A unit that snapshot s
 * wrote at a slot is live iff a live snapshot at or below s is reached from s without passing one
 * that does not see the slot of its parent.
 *
 * The forest is kept contracted: a dead snapshot stays only while it has several children, and keeps
 * only units that one of them sees. So a dissolution looks at the dead one, its dead ancestors and
 * their nearest living descendants, never at the whole history.
 */
import { intersect, subtract, union } from './intervals.ts';
import {
  combineSlots,
  isEmpty,
  joinRuns,
  type Run,
  type SlotSet,
  slotsBelow,
  slotsOfRuns,
  splitRuns,
} from './runs.ts';

export type { Run } from './runs.ts';

export interface Node<Id> {
  readonly parent: Id | undefined;
  /** It has references. Only a live snapshot may become a parent. */
  readonly live: boolean;
  /** What it wrote, or took over from dissolved ancestors: disjoint, sorted by level, then start. */
  readonly runs: readonly Run[];
  /**
   * Slots per level, as `levelCounts` gives them (a missing level has none). At or past the count
   * neither it nor its descendants see a slot of an ancestor; its own runs may lie there.
   * A dissolution lowers these where a dissolved parent was smaller: store them with the node.
   */
  readonly slots: readonly number[];
}

export interface Forest<Id> {
  node(id: Id): Node<Id> | undefined;
  children(id: Id): readonly Id[];
}

export interface Dissolution<Id> {
  /** Units that nothing sees any more. */
  readonly freed: readonly Run[];
  /** Nodes that are gone; none of them is in `updated`. */
  readonly removed: readonly Id[];
  /** Nodes with a new parent, new runs or new slots, in their final state; each once. */
  readonly updated: readonly (readonly [Id, Node<Id>])[];
}

/**
 * `id` has just become dead (its node in the forest says so already): what is freed, and how the
 * contracted forest looks. Throws RangeError when there is no such node or it is live.
 */
export function dissolve<Id extends string | number>(forest: Forest<Id>, id: Id): Dissolution<Id> {
  const changes = new Changes(forest);
  const start = changes.node(id);
  if (start === undefined) throw new RangeError(`no snapshot ${id} to dissolve`);
  if (start.live) throw new RangeError(`snapshot ${id} is live`);

  const freed: Run[] = [];
  // Slots that the dead ones looked at so far no longer see of the ancestors above them.
  let given = combineSlots(slotsOfRuns(start.runs), slotsBelow(start.slots), union);
  let from: Id | undefined;
  let current: Id | undefined = id;
  while (current !== undefined) {
    const node = changes.node(current);
    if (node === undefined || node.live) break;
    const own = slotsOfRuns(node.runs);
    const children = changes.children(current);
    const [onlyChild] = children;
    // What `from` still sees is no longer in `given`, so it needs no second look.
    const others = children.filter((child) => child !== from);
    // Below a live parent (or none) only what is stored here is of interest.
    const parent = node.parent === undefined ? undefined : changes.node(node.parent);
    const parentIsDead = parent !== undefined && !parent.live;
    const asked = parentIsDead ? given : combineSlots(given, own, intersect);
    const unseen = unseenBelow(changes, others, asked);
    const { inside, outside } = splitRuns(node.runs, unseen);
    freed.push(...inside);
    if (children.length > 1) {
      if (inside.length > 0) changes.update(current, { ...node, runs: outside });
      from = current;
    } else if (onlyChild !== undefined) {
      changes.merge(current, { ...node, runs: outside }, onlyChild);
      from = onlyChild;
    } else {
      changes.remove(current);
      from = undefined;
    }
    given = combineSlots(combineSlots(unseen, own, subtract), slotsBelow(node.slots), intersect);
    // An ancestor that lost a child is looked at even when nothing else changes for it.
    if (from !== undefined && isEmpty(given)) break;
    current = node.parent;
  }
  return { freed: joinRuns(freed), removed: changes.removed(), updated: changes.updated() };
}

/** The part of `slots` that no live snapshot among these children and below them sees. */
function unseenBelow<Id extends string | number>(
  changes: Changes<Id>,
  children: readonly Id[],
  slots: SlotSet,
): SlotSet {
  let unseen = slots;
  const open = [{ children, slots }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    // Live ones are asked before any dead one is entered: mostly they see all, and that is the end.
    const dead: { id: Id; slots: SlotSet }[] = [];
    for (const id of next.children) {
      if (isEmpty(unseen)) return unseen;
      const node = changes.node(id);
      if (node === undefined) continue;
      const asked = combineSlots(next.slots, unseen, intersect);
      const uncut = combineSlots(asked, slotsBelow(node.slots), intersect);
      const seen = combineSlots(uncut, slotsOfRuns(node.runs), subtract);
      if (node.live) unseen = combineSlots(unseen, seen, subtract);
      else if (!isEmpty(seen)) dead.push({ id, slots: seen });
    }
    for (const { id, slots: seen } of dead) {
      open.push({ children: changes.children(id), slots: seen });
    }
  }
  return unseen;
}

/** The forest with the changes made so far. */
class Changes<Id extends string | number> {
  readonly #forest: Forest<Id>;
  readonly #updated = new Map<Id, Node<Id>>();
  readonly #read = new Map<Id, Node<Id> | undefined>();
  /** Removed nodes, and the child that took a node's place. */
  readonly #removed = new Map<Id, Id | undefined>();

  constructor(forest: Forest<Id>) {
    this.#forest = forest;
  }

  node(id: Id): Node<Id> | undefined {
    if (this.#removed.has(id)) return undefined;
    const updated = this.#updated.get(id);
    if (updated !== undefined) return updated;
    if (!this.#read.has(id)) this.#read.set(id, this.#forest.node(id));
    return this.#read.get(id);
  }

  children(id: Id): Id[] {
    const present: Id[] = [];
    for (const child of this.#forest.children(id)) {
      let heir: Id | undefined = child;
      while (heir !== undefined && this.#removed.has(heir)) heir = this.#removed.get(heir);
      if (heir !== undefined) present.push(heir);
    }
    return present;
  }

  update(id: Id, node: Node<Id>): void {
    this.#updated.set(id, node);
  }

  remove(id: Id): void {
    this.#updated.delete(id);
    this.#removed.set(id, undefined);
  }

  /** The only child takes over what it sees of `node`, its place, and its cut. */
  merge(id: Id, node: Node<Id>, childId: Id): void {
    const child = this.node(childId);
    if (child === undefined) throw new RangeError(`no snapshot ${childId}, a child of ${id}`);
    this.#updated.delete(id);
    this.#removed.set(id, childId);
    this.#updated.set(childId, {
      ...child,
      parent: node.parent,
      runs: joinRuns([...node.runs, ...child.runs]),
      slots: child.slots
        .slice(0, node.slots.length)
        .map((count, level) => Math.min(count, node.slots[level]!)),
    });
  }

  removed(): Id[] {
    return [...this.#removed.keys()];
  }

  updated(): [Id, Node<Id>][] {
    return [...this.#updated];
  }
}
