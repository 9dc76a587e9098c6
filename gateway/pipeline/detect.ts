/**
 * Which row of the operation table a request is for. Pure and total: it never throws, so that a
 * failed signature still wins over "not implemented" or "no such bucket".
 */
import type { Level, Operation } from '../operations/operation.ts';

export interface DetectInput {
  readonly method: string;
  readonly level: Level;
  readonly hasQuery: (name: string) => boolean;
  readonly hasHeader: (name: string) => boolean;
}

export type Detected =
  | { readonly kind: 'operation'; readonly operation: Operation }
  /** No row has this method here. `allowed` are the methods that one has, for the Allow header. */
  | { readonly kind: 'method-not-allowed'; readonly allowed: readonly string[] };

/** Rows by level and method, most specific first, made once at start. */
export interface DetectTable {
  readonly rows: ReadonlyMap<string, readonly Operation[]>;
  /** By level: the query parameters that on their own name a sub-resource. */
  readonly subResources: ReadonlyMap<Level, readonly string[]>;
  readonly methods: ReadonlyMap<Level, readonly string[]>;
  /** What a signature of version 2, which covers little of the query, must cover of it. */
  readonly choosing: ReadonlySet<string>;
}

/** No client of version 2 signs it, and both versions of a listing show the same. */
const neverSigned = 'list-type';

export function detectTable(operations: readonly Operation[]): DetectTable {
  const rows = new Map<string, Operation[]>();
  const subResources = new Map<Level, Set<string>>();
  const methods = new Map<Level, Set<string>>();
  for (const operation of operations) {
    for (const level of [operation.level, ...(operation.alsoAt ?? [])]) {
      const place = `${level} ${operation.method}`;
      rows.set(place, [...(rows.get(place) ?? []), operation]);
      const named = subResources.get(level) ?? new Set();
      if (operation.query?.length === 1) named.add(operation.query[0] ?? '');
      subResources.set(level, named);
      methods.set(level, (methods.get(level) ?? new Set<string>()).add(operation.method));
    }
  }
  for (const list of rows.values()) list.sort((a, b) => specificity(b) - specificity(a));
  return {
    rows,
    subResources: new Map([...subResources].map(([level, names]) => [level, [...names]])),
    choosing: new Set(
      [...subResources.values()]
        .flatMap((names) => [...names])
        .filter((name) => name !== neverSigned),
    ),
    methods: new Map([...methods].map(([level, names]) => [level, [...names].sort()])),
  };
}

/** The most specific row whose demands are all met; unknown query parameters are no demands. */
export function detect(table: DetectTable, input: DetectInput): Detected {
  const candidates = table.rows.get(`${input.level} ${input.method}`) ?? [];
  for (const operation of candidates) {
    if (!(operation.query ?? []).every(input.hasQuery)) continue;
    if (operation.header !== undefined && !input.hasHeader(operation.header)) continue;
    // `DELETE /bucket?versioning` must not fall through to DeleteBucket, nor a PUT of a sub-resource
    // that only has a GET to CreateBucket or PutObject. Reads may: nothing is lost by them.
    if (operation.query === undefined && changesSomething(input.method)) {
      const asked = table.subResources.get(input.level)?.find(input.hasQuery);
      if (asked !== undefined) return methodNotAllowed(table, input.level, asked);
    }
    return { kind: 'operation', operation };
  }
  return methodNotAllowed(table, input.level, undefined);
}

function methodNotAllowed(
  table: DetectTable,
  level: Level,
  subResource: string | undefined,
): Detected {
  const methods = table.methods.get(level) ?? [];
  const allowed =
    subResource === undefined
      ? methods
      : methods.filter((method) =>
          (table.rows.get(`${level} ${method}`) ?? []).some((operation) =>
            operation.query?.includes(subResource),
          ),
        );
  return { kind: 'method-not-allowed', allowed };
}

function changesSomething(method: string): boolean {
  return method === 'PUT' || method === 'POST' || method === 'DELETE';
}

function specificity(operation: Operation): number {
  return 2 * (operation.query?.length ?? 0) + (operation.header === undefined ? 0 : 1);
}
