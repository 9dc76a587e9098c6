/**
 * Writing XML: a small typed builder. Every string that goes in is text and is escaped; markup can
 * only come out of `element`. Hand-written because a listing is a thousand entries and a general
 * object-to-XML builder spends 5 ms on one.
 */

/** Namespace of every S3 answer except the error document. */
export const s3Namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';

const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** Finished markup. Made by `element` alone, so that text cannot pass for it. */
export class Fragment {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** Text, numbers and booleans are escaped; undefined is left out; arrays are spread. */
export type Child = Fragment | string | number | boolean | undefined | readonly Child[];

/**
 * `<name>children</name>`; with no children (or only undefined ones) `<name></name>`, the form that
 * S3 itself sends for an empty value. Names are constants of ours and are not checked.
 */
export function element(name: string, ...children: readonly Child[]): Fragment {
  return new Fragment(`<${name}>${joined(children)}</${name}>`);
}

/** As `element` with attributes, in the order given. Values are escaped. */
export function elementWith(
  name: string,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly Child[]
): Fragment {
  let opening = name;
  for (const [attribute, value] of Object.entries(attributes)) {
    opening += ` ${attribute}="${escapeAttribute(value)}"`;
  }
  return new Fragment(`<${opening}>${joined(children)}</${name}>`);
}

/** An element where there is a value, nothing where it is undefined. */
export function optional(
  name: string,
  value: string | number | boolean | undefined,
): Fragment | undefined {
  return value === undefined ? undefined : element(name, value);
}

/** A whole answer: declaration and root in the S3 namespace. */
export function document(root: string, ...children: readonly Child[]): string {
  return declaration + elementWith(root, { xmlns: s3Namespace }, ...children).markup;
}

/** A whole document whose root has no namespace: S3's errors. */
export function plainDocument(root: string, ...children: readonly Child[]): string {
  return declaration + element(root, ...children).markup;
}

/** The beginning of a document that goes on with markup made elsewhere. */
export function documentOpening(root: string, children: readonly Child[]): string {
  return `${declaration}<${root} xmlns="${s3Namespace}">${joined(children)}`;
}

function joined(children: readonly Child[]): string {
  let out = '';
  for (const child of children) {
    if (child === undefined) continue;
    if (child instanceof Fragment) out += child.markup;
    else if (typeof child === 'string') out += escapeText(child);
    else if (typeof child === 'object') out += joined(child);
    else out += String(child);
  }
  return out;
}

/*
 * What may not stand in text as it is: markup; CR, which every parser turns into LF (XML 1.0 section
 * 2.11); and the characters XML 1.0 has no place for (section 2.2). S3 writes the latter as numeric
 * references all the same, since keys may hold them; clients that mind ask for encoding-type=url.
 * A lone surrogate is no character at all and becomes U+FFFD.
 */
const firstBehindControls = 0xa0;

/** By ASCII code, 1 for what stands in text as it is. */
const isPlain = new Uint8Array(0x80);
for (let code = 0; code < isPlain.length; code += 1) {
  const isControl = code < 0x20 || code === 0x7f;
  const isMarkup = '&<>"'.includes(String.fromCharCode(code));
  isPlain[code] = (isControl && code !== 0x09 && code !== 0x0a) || isMarkup ? 0 : 1;
}
const firstSurrogate = 0xd800;
const firstLowSurrogate = 0xdc00;
const behindSurrogates = 0xe000;
/** It and the one behind it are no characters. */
const firstNonCharacter = 0xfffe;

/** Text for element content. A loop: most texts are short, and regular expressions cost more to enter. */
export function escapeText(text: string): string {
  let out = '';
  let done = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < firstSurrogate) {
      if (code >= firstBehindControls || isPlain[code] === 1) continue;
    } else if (code >= behindSurrogates) {
      if (code < firstNonCharacter) continue;
    } else if (code < firstLowSurrogate && isLowSurrogate(text.charCodeAt(at + 1))) {
      at += 1;
      continue;
    }
    out += text.slice(done, at) + reference(code);
    done = at + 1;
  }
  return done === 0 ? text : out + text.slice(done);
}

/** False behind the end of a text, where there is no code (NaN). */
function isLowSurrogate(code: number): boolean {
  return code >= firstLowSurrogate && code < behindSurrogates;
}

/** Text for an attribute value, where a parser would turn tab and LF into spaces too. */
function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('\t', reference(0x09)).replaceAll('\n', reference(0x0a));
}

function reference(code: number): string {
  switch (code) {
    case 0x26:
      return '&amp;';
    case 0x3c:
      return '&lt;';
    case 0x3e:
      return '&gt;';
    case 0x22:
      return '&quot;';
    default:
      return code >= firstSurrogate && code < behindSurrogates ? '\ufffd' : `&#${code};`;
  }
}
