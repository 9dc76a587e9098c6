/**
 * The policy of a browser's form upload: a signed document that says which form may be posted. Pure:
 * who signed it is auth's matter, here it is read and held against the form.
 *
 * Source: "POST Policy", Amazon S3 API Reference,
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
import { parseDate } from './dates.ts';
import { S3Error } from './errors.ts';

export interface PostPolicy {
  readonly expirationMs: number;
  readonly conditions: readonly FieldCondition[];
  /** Of the file, in bytes, both ends included; all of them hold. */
  readonly lengths: readonly LengthRange[];
}

export interface FieldCondition {
  readonly kind: 'eq' | 'starts-with';
  /** In lower case, without the dollar sign. */
  readonly field: string;
  readonly value: string;
  /** As S3 names the condition in its errors. */
  readonly text: string;
}

export interface LengthRange {
  readonly min: number;
  readonly max: number;
}

export interface PolicyInput {
  /** The form's fields up to the file by lower-case name, `${filename}` replaced already. */
  readonly fields: ReadonlyMap<string, string>;
  /** The bucket that is posted to, whatever a field of that name claims. */
  readonly bucket: string;
  readonly nowMs: number;
}

/** What a policy cannot speak of: its own signature, and the file. */
const uncovered: ReadonlySet<string> = new Set([
  'awsaccesskeyid',
  'file',
  'policy',
  'signature',
  'x-amz-signature',
]);
const ignoredPrefix = 'x-ignore-';

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true });
const dateInUtc = /^\d{4}-\d\d-\d\dT/;
const digits = /^\d{1,15}$/;

/**
 * Reads the form's `policy` field. Throws InvalidPolicyDocument. Its size is bounded by that of the
 * form.
 */
export function parsePostPolicy(field: string): PostPolicy {
  const document = parseDocument(decode(field));
  if (!isObject(document)) throw invalidPolicy('Policy must be a JSON object');
  for (const name of Object.keys(document)) {
    if (name !== 'expiration' && name !== 'conditions')
      throw invalidPolicy(`Unexpected: '${name}'`);
  }
  const { expiration, conditions } = document;
  if (expiration === undefined) throw invalidPolicy('Policy missing expiration.');
  if (!Array.isArray(conditions)) throw invalidPolicy('Policy missing conditions.');
  const fieldConditions: FieldCondition[] = [];
  const lengths: LengthRange[] = [];
  for (const condition of conditions as readonly unknown[]) {
    const range = lengthRange(condition);
    if (range === undefined) fieldConditions.push(fieldCondition(condition));
    else lengths.push(range);
  }
  return { expirationMs: expirationOf(expiration), conditions: fieldConditions, lengths };
}

/**
 * Holds a form against its policy. The file's length is not known yet: see `checkLength`. Throws
 * AccessDenied for an expired policy, a condition that does not hold, and a field that no condition
 * speaks of.
 */
export function checkPostPolicy(policy: PostPolicy, input: PolicyInput): void {
  if (input.nowMs >= policy.expirationMs) throw violated('Policy expired.');
  const fields = new Map(input.fields).set('bucket', input.bucket);
  const extra = new Set(fields.keys());
  for (const condition of policy.conditions) {
    const value = fields.get(condition.field);
    if (value === undefined || !holds(condition, value)) {
      throw violated(`Policy Condition failed: ${condition.text}`);
    }
    extra.delete(condition.field);
  }
  const names = [...extra].filter(
    (name) => !uncovered.has(name) && !name.startsWith(ignoredPrefix),
  );
  if (names.length > 0) throw violated(`Extra input fields: ${names.join(', ')}`);
}

/** While the file comes in: throws EntityTooLarge as soon as it is. */
export function checkNotTooLarge(policy: PostPolicy, bytes: number): void {
  for (const { max } of policy.lengths) {
    if (bytes > max) {
      throw new S3Error('EntityTooLarge', {
        fields: { ProposedSize: String(bytes), MaxSizeAllowed: String(max) },
      });
    }
  }
}

/** At the file's end: throws EntityTooSmall. */
export function checkNotTooSmall(policy: PostPolicy, bytes: number): void {
  for (const { min } of policy.lengths) {
    if (bytes < min) {
      throw new S3Error('EntityTooSmall', {
        fields: { ProposedSize: String(bytes), MinSizeAllowed: String(min) },
      });
    }
  }
}

/**
 * "Content-Type values for a starts-with condition that include commas are interpreted as lists. Each
 * value in the list must meet the condition for the whole condition to pass." Everything else is one
 * string.
 */
function holds({ kind, field, value: expected }: FieldCondition, value: string): boolean {
  if (kind === 'eq') return value === expected;
  if (field !== 'content-type') return value.startsWith(expected);
  return value.split(',').every((type) => type.trimStart().startsWith(expected));
}

function decode(field: string): string {
  // Line breaks come in where the encoder wraps its lines.
  const text = field.replace(/[\r\n\t ]/g, '');
  if (text.length % 4 !== 0 || !base64.test(text))
    throw invalidPolicy("Invalid 'base64' encoding.");
  try {
    return utf8.decode(Buffer.from(text, 'base64'));
  } catch (cause) {
    throw invalidPolicy('Invalid UTF-8.', cause);
  }
}

/** JSON with two escapes that JSON does not have: `\$` and `\v` ("Character Escaping"). */
function parseDocument(text: string): unknown {
  const json = text.replace(/\\([\s\S])/g, (pair, character: string) =>
    character === '$' ? '$' : character === 'v' ? '\\u000b' : pair,
  );
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw invalidPolicy('Invalid JSON.', cause);
  }
}

function expirationOf(value: unknown): number {
  const timeMs = typeof value === 'string' && dateInUtc.test(value) ? parseDate(value) : undefined;
  if (timeMs === undefined) throw invalidPolicy(`Invalid 'expiration' value: '${shown(value)}'`);
  return timeMs;
}

/** `["content-length-range", 1, 1000]`, or undefined for a condition of another kind. */
function lengthRange(condition: unknown): LengthRange | undefined {
  if (!Array.isArray(condition)) return undefined;
  const [operator, min, max] = condition as readonly unknown[];
  if (typeof operator !== 'string' || operator.toLowerCase() !== 'content-length-range') {
    return undefined;
  }
  if (condition.length !== 3) {
    throw invalidPolicy('Invalid content-length-range: it takes two numbers.');
  }
  return { min: byteCount(min), max: byteCount(max) };
}

function byteCount(value: unknown): number {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string' || !digits.test(text)) {
    throw invalidPolicy(`Invalid content-length-range: '${shown(value)}' is no number of bytes.`);
  }
  return Number(text);
}

/** `{"acl": "private"}`, `["eq", "$acl", "private"]` or `["starts-with", "$key", "user/"]`. */
function fieldCondition(condition: unknown): FieldCondition {
  if (Array.isArray(condition)) return arrayCondition(condition);
  if (!isObject(condition)) {
    throw invalidPolicy('Invalid Condition: it must be an object or an array.');
  }
  const entries = Object.entries(condition);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw invalidPolicy(
      'Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.',
    );
  }
  const [name, value] = entry;
  if (typeof value !== 'string') {
    throw invalidPolicy('Invalid Simple-Condition: value must be a string.');
  }
  return made('eq', name, value);
}

function arrayCondition(condition: readonly unknown[]): FieldCondition {
  const [operator, name, value] = condition;
  const kind = typeof operator === 'string' ? operator.toLowerCase() : undefined;
  if (kind !== 'eq' && kind !== 'starts-with') {
    throw invalidPolicy(`Invalid Condition: unknown operation '${shown(operator)}'`);
  }
  if (condition.length !== 3) {
    throw invalidPolicy(`Invalid ${kind}: it takes a field and a value.`);
  }
  if (typeof name !== 'string' || !name.startsWith('$') || name.length < 2) {
    throw invalidPolicy(`Invalid ${kind}: '${shown(name)}' is no field; fields begin with '$'.`);
  }
  if (typeof value !== 'string') throw invalidPolicy(`Invalid ${kind}: value must be a string.`);
  return made(kind, name.slice(1), value);
}

function made(kind: FieldCondition['kind'], name: string, value: string): FieldCondition {
  const text = `[${[kind, `$${name}`, value].map((part) => JSON.stringify(part)).join(', ')}]`;
  return { kind, field: fieldName(name), value, text };
}

/**
 * The name of a form field as it is compared: A to Z in lower case. Other alphabets are left alone, so
 * that no letter of theirs turns into an ASCII one (U+212A, the Kelvin sign, is such a k).
 */
export function fieldName(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lists and objects by their kind alone: written out, thousands of nested ones overflow the stack. */
function shown(value: unknown): string {
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) ? 'an array' : 'an object';
  }
  return value === undefined ? '' : String(value);
}

function violated(what: string): S3Error {
  return new S3Error('AccessDenied', { message: `Invalid according to Policy: ${what}` });
}

function invalidPolicy(what: string, cause?: unknown): S3Error {
  return new S3Error('InvalidPolicyDocument', { message: `Invalid Policy: ${what}`, cause });
}
