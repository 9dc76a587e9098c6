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
const unsafeText =
  /[&<>"\r\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const unsafeAttribute = /[\t\n]/g;
const mayBeUnsafe =
  /[&<>"\r\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ud800-\udfff\ufffe\uffff]/;

/** Text for element content. */
export function escapeText(text: string): string {
  return mayBeUnsafe.test(text) ? text.replace(unsafeText, reference) : text;
}

/** Text for an attribute value, where a parser would turn tab and LF into spaces too. */
function escapeAttribute(text: string): string {
  return escapeText(text).replace(unsafeAttribute, reference);
}

function reference(character: string): string {
  switch (character) {
    case '&':
      return '&amp;';
    case '<':
      return '&lt;';
    case '>':
      return '&gt;';
    case '"':
      return '&quot;';
    default: {
      const code = character.charCodeAt(0);
      return code >= 0xd800 && code <= 0xdfff ? '\ufffd' : `&#${code};`;
    }
  }
}
