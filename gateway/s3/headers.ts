/** How this folder reads request headers: by lower-case name, or all with a prefix. */
export interface HeaderReader {
  get(name: string): string | undefined;
  /** In order, names in lower case. */
  withPrefix(prefix: string): readonly (readonly [string, string])[];
}

/** A reader over (name, value) pairs; values of a repeated name are joined as RFC 9110 section 5.3 has it. */
export function headersOf(pairs: Iterable<readonly [string, string]>): HeaderReader {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase();
    const before = values.get(lower);
    values.set(lower, before === undefined ? value : `${before}, ${value}`);
  }
  return {
    get: (name) => values.get(name),
    withPrefix: (prefix) => [...values].filter(([name]) => name.startsWith(prefix)),
  };
}
