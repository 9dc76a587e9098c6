/** How this folder reads request headers: by lower-case name, or all with a prefix; what their text may be. */
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

/** RFC 9110 section 5.6.2: what the name of a header is made of. */
export const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What no value has, and Node refuses to send: everything beyond latin1, and controls but tab. */
export const unsendable = /[^\t\u0020-\u007e\u0080-\u00ff]/;

const blanks = ' \t';

/**
 * Without the blanks and tabs around it: JavaScript's `trim` takes U+00A0 off too, which here is a byte
 * of a letter. No regular expression: one for the end tries every blank inside, and a long run of them
 * took seconds, for whoever sent it.
 */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && blanks.includes(text.charAt(start))) start += 1;
  while (end > start && blanks.includes(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}
