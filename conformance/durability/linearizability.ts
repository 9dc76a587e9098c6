/**
 * Decides whether a history of operations on one key could have happened one after the other, each at
 * some instant between its call and its return (Herlihy and Wing; the search is Wing and Gong's with
 * Lowe's memory of visited configurations).
 */

/** The value of a key: undefined while absent. */
export type Value = string | undefined;

export type Action =
  | { readonly kind: 'read'; readonly found: Value }
  | { readonly kind: 'write'; readonly value: string }
  | { readonly kind: 'delete' }
  /** If-None-Match: * */
  | { readonly kind: 'create'; readonly value: string; readonly succeeded: boolean }
  /** If-Match: `expected` */
  | {
      readonly kind: 'replace';
      readonly expected: string;
      readonly value: string;
      readonly succeeded: boolean;
    };

export interface Operation {
  readonly action: Action;
  /** When it was called and when it returned, on one clock. */
  readonly called: number;
  readonly returned: number;
}

/** The state after the action, or 'impossible' where its result could not have been that. */
function apply(state: Value, action: Action): { readonly state: Value } | 'impossible' {
  switch (action.kind) {
    case 'read':
      return action.found === state ? { state } : 'impossible';
    case 'write':
      return { state: action.value };
    case 'delete':
      return { state: undefined };
    case 'create':
      if (action.succeeded !== (state === undefined)) return 'impossible';
      return { state: action.succeeded ? action.value : state };
    case 'replace':
      if (action.succeeded !== (state === action.expected)) return 'impossible';
      return { state: action.succeeded ? action.value : state };
  }
}

/** True when some order of the operations explains every result, starting from an absent key. */
export function isLinearizable(history: readonly Operation[]): boolean {
  const operations = [...history].sort((left, right) => left.called - right.called);
  const done = new Array<boolean>(operations.length).fill(false);
  const visited = new Set<string>();

  const search = (first: number, state: Value): boolean => {
    let start = first;
    while (start < operations.length && done[start] === true) start += 1;
    if (start === operations.length) return true;

    // An operation can be next only if it was called before every other open one returned.
    let earliestReturn = Number.POSITIVE_INFINITY;
    const open: number[] = [];
    for (let index = start; index < operations.length; index += 1) {
      const operation = operations[index] as Operation;
      if (operation.called > earliestReturn) break;
      if (done[index] === true) continue;
      open.push(index);
      earliestReturn = Math.min(earliestReturn, operation.returned);
    }
    const configuration = `${start}:${doneAhead(done, start)}:${state ?? ''}`;
    if (visited.has(configuration)) return false;
    visited.add(configuration);

    for (const index of open) {
      const operation = operations[index] as Operation;
      if (operation.called > earliestReturn) continue;
      const outcome = apply(state, operation.action);
      if (outcome === 'impossible') continue;
      done[index] = true;
      if (search(start, outcome.state)) return true;
      done[index] = false;
    }
    return false;
  };
  return search(0, undefined);
}

function doneAhead(done: readonly boolean[], start: number): string {
  const indices: number[] = [];
  // Operations done beyond the first open one are few: at most the number of clients.
  let gap = 0;
  for (let index = start; index < done.length && gap < 256; index += 1) {
    if (done[index] === true) {
      indices.push(index);
      gap = 0;
    } else gap += 1;
  }
  return indices.join(',');
}
