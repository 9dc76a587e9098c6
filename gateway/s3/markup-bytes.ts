/**
 * Markup of very many elements of one form, written as bytes at once: a listing of a thousand keys is
 * 300 KB, and as a string it would be put together from thirty thousand pieces and then encoded.
 */
import { escapeText, Fragment } from './xml.ts';

const firstBytes = 64 * 1024;
/** Of a code unit in UTF-8. */
const maxUnitBytes = 3;

export class MarkupBytes {
  private bytes = Buffer.allocUnsafe(firstBytes);
  private length = 0;

  add({ markup }: Fragment): void {
    const most = this.length + markup.length * maxUnitBytes;
    if (most > this.bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.bytes.length, most));
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    this.length += this.bytes.write(markup, this.length);
  }

  /** What was written; the writer is done. */
  finish(): Buffer {
    return this.bytes.subarray(0, this.length);
  }
}

/** Undefined leaves the field out, a fragment is the whole element. */
export type FieldValue = string | number | boolean | undefined | Fragment;

interface Tags {
  readonly opening: string;
  readonly closing: string;
}

/** A field whose text stands in quotation marks: an ETag. */
export function quotedField(name: string): Tags {
  return { opening: `<${name}>&quot;`, closing: `&quot;</${name}>` };
}

/**
 * `elementsOf('E', 'A', 'B')('x', 1)` is `<E><A>x</A><B>1</B></E>`, what `element` makes of the same
 * without a fragment for each field. Names are constants of ours and are not checked.
 */
export function elementsOf(
  name: string,
  ...fields: readonly (string | Tags)[]
): (...values: readonly FieldValue[]) => Fragment {
  const plain = (field: string): Tags => ({ opening: `<${field}>`, closing: `</${field}>` });
  const whole = plain(name);
  const tags = fields.map((field) => (typeof field === 'string' ? plain(field) : field));
  return (...values) => {
    let out = whole.opening;
    for (let index = 0; index < tags.length; index += 1) {
      const value = values[index];
      if (value === undefined) continue;
      if (value instanceof Fragment) {
        out += value.markup;
        continue;
      }
      const { opening, closing } = tags[index]!;
      out += opening + (typeof value === 'string' ? escapeText(value) : value) + closing;
    }
    return new Fragment(out + whole.closing);
  };
}
